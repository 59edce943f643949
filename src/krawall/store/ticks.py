"""Ticks: one small JSON per second of a session, the points of its charts."""

from __future__ import annotations

from sqlalchemy import select

from krawall.store.database import Database, Transaction
from krawall.store.tables import ticks


class Ticks:
    """The ticks of all sessions, by second since a session began."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: str, second: int, body: bytes, tx: Transaction | None = None) -> None:
        """Keep the tick of a second; one that was kept before is replaced.

        Raises:
            Conflict: there is no such session.
        """
        async with self._database.within(tx, ordered=False) as own:
            await own.upsert(ticks, {"session": session, "second": second, "body": body})

    async def since(self, session: str, second: int, limit: int = 10_000) -> list[tuple[int, bytes]]:
        """Return (second, JSON) of the ticks from `second` on, that one included."""
        query = (
            select(ticks.c.second, ticks.c.body)
            .where(ticks.c.session == session, ticks.c.second >= second)
            .order_by(ticks.c.second)
            .limit(limit)
        )
        async with self._database.read() as tx:
            return [(row.second, bytes(row.body)) for row in await tx.all(query)]

    async def last(self, session: str, count: int) -> list[tuple[int, bytes]]:
        """Return (second, JSON) of the newest `count` ticks, in order."""
        query = (
            select(ticks.c.second, ticks.c.body)
            .where(ticks.c.session == session)
            .order_by(ticks.c.second.desc())
            .limit(count)
        )
        async with self._database.read() as tx:
            return [(row.second, bytes(row.body)) for row in reversed(await tx.all(query))]
