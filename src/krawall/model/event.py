"""What rarely happens to a session or a document: durable, numbered, written in the transaction of the change it describes."""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.model.base import Record


class SessionQueued(Record, frozen=True, tag_field="type", tag="session.queued"):
    """A session was asked for."""

    name: str
    plan_hash: str
    shards: int
    restart_of: str = ""


class SessionStarted(Record, frozen=True, tag_field="type", tag="session.started"):
    """All shards are ready and have been given the moment at which they begin."""

    shards: int


class SessionPaused(Record, frozen=True, tag_field="type", tag="session.paused"):
    """A person paused it: no new turns until it is resumed."""


class SessionResumed(Record, frozen=True, tag_field="type", tag="session.resumed"):
    """It goes on."""


class SessionAdjusted(Record, frozen=True, tag_field="type", tag="session.adjusted"):
    """A person changed the load: users of a closed model, or arrivals per second of an open one."""

    users: int | None = None
    rate: float | None = None


class SessionStopping(Record, frozen=True, tag_field="type", tag="session.stopping"):
    """It is being stopped. `now`: turns in flight are cancelled."""

    reason: str
    now: bool = False


class SessionCompleted(Record, frozen=True, tag_field="type", tag="session.completed"):
    """It came to its end by itself."""

    verdict: str
    exit_code: int


class SessionAborted(Record, frozen=True, tag_field="type", tag="session.aborted"):
    """A rule ended it: a threshold, a cap, a protection stop."""

    verdict: str
    exit_code: int
    reason: str


class SessionCancelled(Record, frozen=True, tag_field="type", tag="session.cancelled"):
    """A person ended it."""

    verdict: str
    exit_code: int
    reason: str


class SessionFailed(Record, frozen=True, tag_field="type", tag="session.failed"):
    """An error of ours or an unreachable target ended it."""

    exit_code: int
    reason: str


class SessionImported(Record, frozen=True, tag_field="type", tag="session.imported"):
    """It was played elsewhere and its directory was taken in."""

    name: str


class SessionDeleted(Record, frozen=True, tag_field="type", tag="session.deleted"):
    """Its rows and files are gone."""

    session: str
    name: str


class ShardLost(Record, frozen=True, tag_field="type", tag="shard.lost"):
    """The process or the machine that played a shard is gone. `from_s`: its last report, in seconds of the session."""

    shard: int
    attempt: int
    worker: str
    from_s: float


class ShardReplaced(Record, frozen=True, tag_field="type", tag="shard.replaced"):
    """Another attempt plays the shard, since `at_s` seconds of the session."""

    shard: int
    attempt: int
    worker: str
    at_s: float


class ThresholdBreached(Record, frozen=True, tag_field="type", tag="threshold.breached"):
    """A threshold did not hold, in mid-session or at its end."""

    text: str
    value: float | None
    why: str = ""


class BudgetReached(Record, frozen=True, tag_field="type", tag="budget.reached"):
    """A cap of the budget is used up."""

    cap: str


class WorkerLost(Record, frozen=True, tag_field="type", tag="worker.lost"):
    """A worker's heartbeat stopped without a goodbye."""

    worker: str
    host: str


class DocumentChanged(Record, frozen=True, tag_field="type", tag="document.changed"):
    """A target, scenario, schedule, webhook or batch: `deed` is created, revised, renamed, archived, restored or deleted."""

    kind: str
    id: str
    name: str
    revision: int
    deed: str


class CredentialChanged(Record, frozen=True, tag_field="type", tag="credential.changed"):
    """A credential was set or deleted; its value is not part of this."""

    name: str
    deed: str


class AccountChanged(Record, frozen=True, tag_field="type", tag="account.changed"):
    """A user or API token: `deed` is created, changed, disabled, deleted, login, logout, refused, locked or revoked."""

    name: str
    deed: str
    detail: str = ""


class WebhookTest(Record, frozen=True, tag_field="type", tag="webhook.test"):
    """Somebody asked for a trial delivery."""

    webhook: str


class TargetTested(Record, frozen=True, tag_field="type", tag="target.tested"):
    """Somebody tested the connection to a target. `ms`: the whole test; `fault`: the kind of what went wrong, empty: nothing."""

    target: str
    name: str
    ok: bool
    ms: float
    fault: str = ""


EventBody = (
    SessionQueued | SessionStarted | SessionPaused | SessionResumed | SessionAdjusted | SessionStopping | SessionCompleted
    | SessionAborted | SessionCancelled | SessionFailed | SessionImported | SessionDeleted | ShardLost | ShardReplaced
    | ThresholdBreached | BudgetReached | WorkerLost | DocumentChanged | CredentialChanged | AccountChanged | WebhookTest
    | TargetTested
)  # fmt: skip


class Event(Record, frozen=True):
    """One event as it is kept. `id` orders all events of an installation, `number` those of one session (1-based).

    `at_ns`: wall clock, ns since 1970. `actor`: who did it: a user's name, `token NAME`, `worker ID` or `system`.
    """

    id: int
    at_ns: int
    actor: str
    body: EventBody
    session: str | None = None
    number: int | None = None


def kind_of(body: EventBody) -> str:
    """Return the event's type, such as `session.queued`."""
    return str(body.__struct_config__.tag)


def kinds() -> list[str]:
    """Return every type that there is, sorted."""
    return sorted(str(each.__struct_config__.tag) for each in EventBody.__args__)


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as plain data: `id`, `type`, `session`, `number`, `at_ns`, `actor` and the fields of its body in `data`."""
    data = msgspec.to_builtins(event.body)
    kind = data.pop("type")
    return {
        "id": event.id,
        "type": kind,
        "session": event.session,
        "number": event.number,
        "at_ns": event.at_ns,
        "actor": event.actor,
        "data": data,
    }
