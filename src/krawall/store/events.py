"""Events: appended in the transaction of the change they describe, numbered, never changed. They feed webhooks."""

from __future__ import annotations

import builtins
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, select, update

from krawall.clock import wall_ns
from krawall.errors import Internal, NotFound
from krawall.ids import new_id
from krawall.model.event import Event, EventBody, WebhookTest, kind_of, kinds
from krawall.model.kept import DocumentKind
from krawall.model.webhook import DeliveryState, matches
from krawall.store.database import Database, Transaction
from krawall.store.paging import Page, decode_cursor, page_of
from krawall.store.plain import from_text, to_text
from krawall.store.tables import deliveries, documents, events, revisions, sessions


class Events:
    """The events of an installation. `id` grows in the order of commits, `number` counts those of one session."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, body: EventBody, actor: str, *, session: str | None = None, tx: Transaction | None = None
    ) -> Event:
        """Append an event, and a delivery to every webhook that wants it.

        Raises:
            NotFound: there is no such session.
        """
        async with self._database.within(tx) as own:
            now = wall_ns()
            number = await self._next_number(own, session) if session is not None else None
            made = await own.first(
                insert(events)
                .values(at_ns=now, actor=actor, type=kind_of(body), session=session, number=number, body=to_text(body))
                .returning(events.c.id)
            )
            if made is None:
                raise Internal("the database gave an event no id")
            event = Event(made.id, now, actor, body, session, number)
            await self._deliver(own, event)
            own.events.append(event)
            return event

    async def get(self, id: int) -> Event:
        """Return one event.

        Raises:
            NotFound: there is none, or its session was deleted.
        """
        async with self._database.read() as tx:
            row = await tx.first(select(events).where(events.c.id == id))
        if row is None:
            raise NotFound(f"no event {id}")
        return _event(row)

    async def after(
        self, id: int = 0, *, session: str | None = None, types: builtins.list[str] | None = None, limit: int = 200
    ) -> builtins.list[Event]:
        """Return the events after `id`, oldest first; of one session: after the number `id`."""
        place = events.c.id if session is None else events.c.number
        query = _filtered(session, types, None).where(place > id).order_by(place).limit(limit)
        async with self._database.read() as tx:
            return [_event(row) for row in await tx.all(query)]

    async def newest(self) -> int:
        """Return the id of the newest event, 0 before the first."""
        async with self._database.read() as tx:
            row = await tx.first(select(func.max(events.c.id)))
        return int(row[0] or 0) if row else 0

    async def list(
        self,
        *,
        session: str | None = None,
        types: builtins.list[str] | None = None,
        actor: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
        tx: Transaction | None = None,
    ) -> Page[Event]:
        """Return events, newest first. `types` may name families, such as `session.*`."""
        query = _filtered(session, types, actor).order_by(events.c.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(events.c.id < decode_cursor(cursor, int)[0])
        async with self._database.seen_by(tx) as own:
            return page_of(await own.all(query), limit, _event, lambda row: (row.id,))

    async def _next_number(self, tx: Transaction, session: str) -> int:
        counted = (
            update(sessions)
            .where(sessions.c.id == session)
            .values(events=sessions.c.events + 1)
            .returning(sessions.c.events)
        )
        row = await tx.first(counted)
        if row is None:
            raise NotFound(f"no session {session}")
        return int(row.events)

    async def _deliver(self, tx: Transaction, event: Event) -> None:
        """The outbox: what is to be told to others is kept with what happened."""
        rows = [
            {
                "id": new_id("dlv"),
                "webhook": row.id,
                "event": event.id,
                "state": DeliveryState.waiting,
                "attempts": "[]",
                "due_ns": event.at_ns,
                "created_ns": event.at_ns,
            }
            for row in await tx.all(_WEBHOOKS)
            if _wants(row, event.body)
        ]
        if rows:
            await tx.run(insert(deliveries), rows)


class _Wanted(msgspec.Struct):
    """What of a webhook's document decides whether it is told. The defaults are the document's."""

    events: list[str] = msgspec.field(default_factory=lambda: ["session.*"])
    enabled: bool = True


_WEBHOOKS: Select[Any] = (
    select(documents.c.id, revisions.c.body)
    .join(revisions, and_(revisions.c.document == documents.c.id, revisions.c.revision == documents.c.revision))
    .where(documents.c.kind == DocumentKind.webhook.value, documents.c.archived.is_(False))
    .order_by(documents.c.id)
)


def _wants(row: Row[Any], body: EventBody) -> bool:
    if isinstance(body, WebhookTest):  # a trial is for the one who asked, whatever it subscribes to
        return bool(row.id == body.webhook)
    wanted = from_text(row.body, _Wanted)
    return wanted.enabled and any(matches(each, kind_of(body)) for each in wanted.events)


def _filtered(session: str | None, types: list[str] | None, actor: str | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if session is not None:
        conditions.append(events.c.session == session)
    if types is not None:
        wanted = [kind for kind in kinds() if any(matches(each, kind) for each in types)]
        conditions.append(events.c.type.in_(wanted))
    if actor is not None:
        conditions.append(events.c.actor == actor)
    return select(events).where(*conditions)


def _event(row: Row[Any]) -> Event:
    body: EventBody = msgspec.json.decode(row.body, type=EventBody)
    return Event(row.id, row.at_ns, row.actor, body, row.session, row.number)
