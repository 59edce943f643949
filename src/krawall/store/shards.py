"""Shards as rows: which attempt plays each slice of a session, and how far it says it is. Fenced by the attempt."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, exists, insert, or_, select, update

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.model.session import Shard, ShardState, State
from krawall.store.database import Database, Transaction
from krawall.store.tables import attempts, sessions, shards

_ENDED = (ShardState.done, ShardState.failed)


class Shards:
    """The shards of all sessions. A claim makes a new attempt; only the newest attempt's reports change a row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, session: str, number: int, worker: str, *, expect: int | None = None) -> Shard:
        """Begin a new attempt at a shard. What the attempt before it reported last moves to `earlier`.

        `expect`: only if this is still the newest attempt; who comes late must not take it from whoever plays it now.

        Raises:
            NotFound: there is no such shard.
            Conflict: it is done or failed, its session is finished, or another attempt plays it.
        """
        async with self._database.begin(ordered=False) as tx:
            # The session's row first, as everywhere: whoever finishes it waits for this claim, or this claim sees it.
            query = select(sessions.c.state).where(sessions.c.id == session).with_for_update(read=True)
            row = await tx.first(query)
            old = await _find(tx, session, number, lock=True)
            if row is None or row.state == State.finished:
                raise Conflict(f"session {session} is finished")
            if old.state in _ENDED:
                raise Conflict(f"shard {number} of {session} is {old.state}")
            if expect is not None and old.attempt != expect:
                raise Conflict(f"attempt {old.attempt} plays shard {number} of {session}")
            if old.progress:
                await tx.run(insert(attempts).values({each.name: old._mapping[each.name] for each in attempts.c}))
            new = Shard(session, number, old.attempt + 1, ShardState.playing, worker, wall_ns())
            changes = {
                "attempt": new.attempt,
                "state": new.state.value,
                "worker": worker,
                "reported_ns": new.reported_ns,
                "progress": b"",
            }
            await tx.run(update(shards).where(*_is(session, number)).values(changes))
            return new

    async def report(
        self,
        session: str,
        number: int,
        attempt: int,
        progress: bytes,
        state: ShardState,
        tx: Transaction | None = None,
    ) -> bool:
        """Write an attempt's progress. False: it is not the newest attempt, or has ended; nothing was written.

        The report of an end may be repeated, since an answer can be lost.
        """
        allowed = [shards.c.state == ShardState.playing.value]
        if state in _ENDED:
            allowed.append(shards.c.state == state.value)
        playing = exists().where(sessions.c.id == session, sessions.c.state != State.finished.value)
        written = (
            update(shards)
            .where(*_is(session, number), shards.c.attempt == attempt, or_(*allowed), playing)
            .values(progress=progress, state=state.value, reported_ns=wall_ns())
        )
        async with self._database.within(tx, ordered=False) as own:
            return await own.changed(written) == 1

    async def of(self, session: str) -> list[Shard]:
        """Return the shards of a session in order."""
        query = select(shards).where(shards.c.session == session).order_by(shards.c.number)
        async with self._database.read() as tx:
            return [_shard(row) for row in await tx.all(query)]

    async def earlier(self, session: str) -> list[Shard]:
        """Return the last report of every attempt that another replaced, in order of shard and attempt.

        An attempt that never reported is not among them. Their `state` is `failed`.
        """
        query = select(attempts).where(attempts.c.session == session).order_by(attempts.c.number, attempts.c.attempt)
        async with self._database.read() as tx:
            return [
                Shard(session, row.number, row.attempt, ShardState.failed, row.worker, row.reported_ns, bytes(row.progress))
                for row in await tx.all(query)
            ]  # fmt: skip

    async def get(self, session: str, number: int) -> Shard:
        """Return one shard.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as tx:
            return _shard(await _find(tx, session, number))


def _is(session: str, number: int) -> tuple[Any, Any]:
    return shards.c.session == session, shards.c.number == number


async def _find(tx: Transaction, session: str, number: int, *, lock: bool = False) -> Row[Any]:
    query = select(shards).where(*_is(session, number))
    row = await tx.first(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no shard {number} of session {session}")
    return row


def _shard(row: Row[Any]) -> Shard:
    return Shard(
        row.session, row.number, row.attempt, ShardState(row.state), row.worker, row.reported_ns, bytes(row.progress)
    )
