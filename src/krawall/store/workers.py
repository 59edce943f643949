"""Workers by their last heartbeat."""

from __future__ import annotations

import builtins

import msgspec
from sqlalchemy import delete, select, update

from krawall.model.event import WorkerLost
from krawall.model.kept import WorkerFacts
from krawall.store.database import Database, Transaction
from krawall.store.events import Events
from krawall.store.plain import from_text, to_text
from krawall.store.tables import workers

_AWAY = ("gone", "lost")


class Workers:
    """Every worker that was heard of: it says how it is, leaves, or is lost."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def beat(self, facts: WorkerFacts) -> None:
        """Keep a heartbeat. A worker that was given up is back with it."""
        async with self._database.begin(ordered=False) as tx:
            await _put(tx, facts)

    async def list(self, tx: Transaction | None = None) -> list[WorkerFacts]:
        """Return every worker, the one that started last first."""
        async with self._database.seen_by(tx) as own:
            found = [from_text(row.facts, WorkerFacts) for row in await own.all(select(workers.c.facts))]
        return sorted(found, key=lambda facts: (facts.started_ns, facts.id), reverse=True)

    async def lost(self, before_ns: int) -> builtins.list[WorkerFacts]:
        """Give up the workers that were last seen before `before_ns`, with an event for each; return them.

        Who is given up already is not given up again.
        """
        silent = (
            update(workers)
            .where(workers.c.state.not_in(_AWAY), workers.c.seen_ns < before_ns)
            .values(state="lost")
            .returning(workers.c.facts)
        )
        async with self._database.begin() as tx:
            found = []
            for row in await tx.all(silent):
                facts = msgspec.structs.replace(from_text(row.facts, WorkerFacts), state="lost")
                await _put(tx, facts)
                await self._events.append(WorkerLost(facts.id, facts.host), "system", tx=tx)
                found.append(facts)
            return found

    async def leave(self, id: str) -> None:
        """Note a worker's goodbye. One that is not known says none."""
        async with self._database.begin(ordered=False) as tx:
            row = await tx.first(select(workers.c.facts).where(workers.c.id == id).with_for_update())
            if row is not None:
                facts = msgspec.structs.replace(from_text(row.facts, WorkerFacts), state="gone", playing=[])
                await _put(tx, facts)

    async def forget(self, before_ns: int) -> int:
        """Delete the workers that are gone or lost and were last seen before `before_ns`; return how many."""
        async with self._database.begin(ordered=False) as tx:
            return await tx.changed(delete(workers).where(workers.c.state.in_(_AWAY), workers.c.seen_ns < before_ns))


async def _put(tx: Transaction, facts: WorkerFacts) -> None:
    row = {"id": facts.id, "state": facts.state, "seen_ns": facts.seen_ns, "facts": to_text(facts)}
    await tx.upsert(workers, row)
