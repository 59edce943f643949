"""One execution of a plan: state, outcome and verdict are three fields because they answer three questions."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from krawall.errors import Internal
from krawall.model.base import Record


class State(StrEnum):
    """Where a session is in its life."""

    queued = "queued"
    starting = "starting"
    running = "running"
    stopping = "stopping"
    finished = "finished"


class Outcome(StrEnum):
    """Why it ended: done, a person, a rule, an error."""

    completed = "completed"
    cancelled = "cancelled"
    aborted = "aborted"
    failed = "failed"


class Verdict(StrEnum):
    """What the thresholds say; `invalid`: do not trust the numbers; `none`: there was nothing to judge."""

    passed = "passed"
    failed = "failed"
    undecided = "undecided"
    invalid = "invalid"
    none = "none"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.queued: frozenset({State.starting, State.finished}),
    State.starting: frozenset({State.running, State.stopping, State.finished}),
    State.running: frozenset({State.stopping, State.finished}),
    State.stopping: frozenset({State.finished}),
    State.finished: frozenset(),
}


def advance(now: State, to: State) -> State:
    """Return `to` if the table allows it from `now`.

    Raises:
        Internal: the table does not allow it.
    """
    if to not in TRANSITIONS[now]:
        raise Internal(f"a session cannot go from {now} to {to}")
    return to


class Wish(Record, frozen=True):
    """What a person wants of a running session. A row of the database holds it; the conductor obeys it within a second.

    `epoch` grows with every change of users or rate, so that a change back to an earlier number is a change too.
    """

    stop: Literal["no", "drain", "now"] = "no"
    reason: str = ""
    paused: bool = False
    epoch: int = 0
    users: int | None = None
    rate: float | None = None


class Session(Record, frozen=True):
    """A session as it is kept. Times are wall clock, ns since 1970; None: not yet.

    `conductor` fences: who writes for the session must hold its newest number. `scenario` and `target` are names of
    documents, or of what was given without one. Counts and money are those of the last tick, or final.
    """

    id: str
    name: str
    scenario: str
    target: str
    plan_hash: str
    seed: int
    shards: int
    state: State
    created_ns: int
    actor: str
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    exit_code: int | None = None
    reason: str = ""
    reason_kind: str = ""
    wish: Wish = Wish()
    started_ns: int | None = None
    finished_ns: int | None = None
    restart_of: str = ""
    conductor: int = 0
    worker: str = ""
    events: int = 0
    conversations: int = 0
    turns: int = 0
    errors: int = 0
    cost_pico: int = 0
    p95_ms: float | None = None
    compacted: bool = False


class ShardState(StrEnum):
    """Where a shard is in its life."""

    waiting = "waiting"
    playing = "playing"
    done = "done"
    failed = "failed"


class Shard(Record, frozen=True):
    """A shard as it is kept. `attempt` fences: 0 before the first claim, plus one with each. `progress`: msgpack of the newest report."""

    session: str
    number: int
    attempt: int
    state: ShardState
    worker: str = ""
    reported_ns: int = 0
    progress: bytes = b""
