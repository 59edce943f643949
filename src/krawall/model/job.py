"""A job: a unit of work in the queue. Rows say what is true, a job only says what to look at next; handlers are idempotent."""

from __future__ import annotations

from krawall.model.base import Record


class ConductSession(Record, frozen=True, tag_field="job", tag="session"):
    """Conduct a session to its end."""

    session: str


class PlayShard(Record, frozen=True, tag_field="job", tag="shard"):
    """Play one shard of a session in an engine process."""

    session: str
    shard: int


class Compact(Record, frozen=True, tag_field="job", tag="compact"):
    """Turn the log segments of a finished session into Parquet."""

    session: str


class Deliver(Record, frozen=True, tag_field="job", tag="deliver"):
    """Send one delivery of a webhook."""

    delivery: str


class Upkeep(Record, frozen=True, tag_field="job", tag="upkeep"):
    """Look after what a crash left behind. `slot`: which stretch of ten seconds it is for, so that one worker does it."""

    slot: int


Job = ConductSession | PlayShard | Compact | Deliver | Upkeep

QUEUES: dict[type[Record], str] = {
    ConductSession: "sessions",
    PlayShard: "shards",
    Compact: "chores",
    Deliver: "chores",
    Upkeep: "chores",
}
"""Which queue takes which job: a session that waits for its shards must not hold the place of one."""
