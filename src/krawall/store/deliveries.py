"""Deliveries: events on their way to webhooks. `Events.append` makes them; whoever sends them says here how it went."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update

from krawall.errors import NotFound
from krawall.model.webhook import Attempt, Delivery, DeliveryState
from krawall.store.database import Database, Transaction
from krawall.store.paging import Page, decode_cursor, page_of
from krawall.store.plain import from_text, to_text
from krawall.store.tables import deliveries

_MOST_ATTEMPTS = 50  # kept of one delivery, the newest


class Deliveries:
    """The deliveries of all webhooks. They go with their webhook, and with the session that their event is of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, id: str) -> Delivery:
        """Return a delivery.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as tx:
            return _delivery(await _find(tx, id))

    async def due(self, now_ns: int, limit: int = 100) -> list[str]:
        """Return the ids of waiting deliveries whose time has come, the longest due first."""
        query = (
            select(deliveries.c.id)
            .where(deliveries.c.state == DeliveryState.waiting.value, deliveries.c.due_ns <= now_ns)
            .order_by(deliveries.c.due_ns, deliveries.c.id)
            .limit(limit)
        )
        async with self._database.read() as tx:
            return [row.id for row in await tx.all(query)]

    async def record(self, id: str, attempt: Attempt, state: DeliveryState, due_ns: int) -> Delivery:
        """Add an attempt, and say what becomes of the delivery.

        Raises:
            NotFound: there is no such delivery any more.
        """
        async with self._database.begin(ordered=False) as tx:
            old = _delivery(await _find(tx, id, lock=True))
            attempts = [*old.attempts, attempt][-_MOST_ATTEMPTS:]
            values = {"attempts": to_text(attempts), "state": state.value, "due_ns": due_ns}
            await tx.run(update(deliveries).where(deliveries.c.id == id).values(values))
            return Delivery(id, old.webhook, old.event, state, attempts, due_ns, old.created_ns)

    async def of(self, webhook: str, cursor: str | None = None, limit: int = 50) -> Page[Delivery]:
        """Return the deliveries of a webhook (its id), newest event first."""
        query = select(deliveries).where(deliveries.c.webhook == webhook)
        if cursor is not None:
            query = query.where(deliveries.c.event < decode_cursor(cursor, int)[0])
        async with self._database.read() as tx:
            rows = await tx.all(query.order_by(deliveries.c.event.desc()).limit(limit + 1))
            return page_of(rows, limit, _delivery, lambda row: (row.event,))

    async def of_event(self, event: int) -> list[Delivery]:
        """Return the deliveries of one event, for whoever enqueues them after its commit."""
        query = select(deliveries).where(deliveries.c.event == event).order_by(deliveries.c.id)
        async with self._database.read() as tx:
            return [_delivery(row) for row in await tx.all(query)]

    async def again(self, id: str, due_ns: int) -> Delivery:
        """Send a delivery once more, whatever became of it; its attempts stay on record.

        Raises:
            NotFound: there is none.
        """
        async with self._database.begin(ordered=False) as tx:
            await _find(tx, id, lock=True)
            values = {"state": DeliveryState.waiting.value, "due_ns": due_ns}
            await tx.run(update(deliveries).where(deliveries.c.id == id).values(values))
            return _delivery(await _find(tx, id))


async def _find(tx: Transaction, id: str, *, lock: bool = False) -> Row[Any]:
    query = select(deliveries).where(deliveries.c.id == id)
    row = await tx.first(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no delivery {id}")
    return row


def _delivery(row: Row[Any]) -> Delivery:
    attempts = from_text(row.attempts, list[Attempt])
    return Delivery(row.id, row.webhook, row.event, DeliveryState(row.state), attempts, row.due_ns, row.created_ns)
