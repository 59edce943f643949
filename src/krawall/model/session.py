"""One execution of a plan: state, outcome and verdict are three fields because they answer three questions."""

from __future__ import annotations

from enum import StrEnum

from krawall.errors import Internal


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
