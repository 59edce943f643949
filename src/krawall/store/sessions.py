"""Sessions as rows: what is true of each. Who writes for one holds its fence, the number of the newest claim."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from krawall.errors import Conflict, NotFound
from krawall.model.base import Record
from krawall.model.event import EventBody, SessionDeleted, SessionImported, SessionQueued
from krawall.model.session import Outcome, Session, ShardState, State, Verdict, Wish, advance
from krawall.store.database import Database, Transaction
from krawall.store.events import Events
from krawall.store.listing import COLUMNS, Statistics, count_of, list_of, session_of, statistics_of
from krawall.store.paging import Page
from krawall.store.plain import folded, to_text
from krawall.store.tables import blobs, sessions, shards


class Started(Record, frozen=True):
    """A session that was asked for. `created` False: it was there already, made by the same request."""

    session: Session
    created: bool


class Sessions:
    """The sessions of an installation. Large things of a session are kept apart, as bytes with a name."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def create(
        self,
        session: Session,
        plan: bytes,
        *,
        key: str | None,
        request_hash: str = "",
        tx: Transaction | None = None,
    ) -> Started:
        """Keep a new session with its shards, all waiting. `key`: a request with the same one makes no second session.

        Raises:
            Conflict: the key was used by another request, or the id is taken.
        """
        async with self._database.within(tx) as own:
            if key is not None and (earlier := await _by_key(own, key)) is not None:
                if earlier.request_hash != request_hash:
                    raise Conflict(
                        f"the idempotency key {key!r} was used for another request",
                        hint="use a new key for a new session",
                    )
                return Started(session_of(earlier), created=False)
            await _insert(own, session, plan, key, request_hash)
            rows = [_waiting(session.id, number) for number in range(session.shards)]
            if rows:
                await own.run(insert(shards), rows)
            body = SessionQueued(session.name, session.plan_hash, session.shards, session.restart_of)
            event = await self._events.append(body, session.actor, session=session.id, tx=own)
            return Started(msgspec.structs.replace(session, events=event.number or 0), created=True)

    async def take_in(
        self,
        session: Session,
        plan: bytes,
        *,
        summary: bytes,
        picture: bytes | None = None,
        tx: Transaction | None = None,
    ) -> Session:
        """Keep a session that was played and finished elsewhere. It has no shards here.

        Raises:
            Conflict: it is here already, or it is not finished.
        """
        if session.state is not State.finished:
            raise Conflict(f"session {session.id} is {session.state}; only finished sessions can be taken in")
        async with self._database.within(tx) as own:
            if await own.first(select(sessions.c.id).where(sessions.c.id == session.id)) is not None:
                raise Conflict(f"session {session.id} is here already")
            await _insert(own, session, plan, None, "")
            await _put(own, session.id, {"summary": summary, "picture": picture})
            event = await self._events.append(SessionImported(session.name), session.actor, session=session.id, tx=own)
            return msgspec.structs.replace(session, events=event.number or 0)

    async def get(self, id: str, tx: Transaction | None = None) -> Session:
        """Return a session.

        Raises:
            NotFound: there is none.
        """
        async with self._database.seen_by(tx) as own:
            return session_of(await _find(own, id))

    async def plan(self, id: str) -> bytes:
        """Return a session's plan as JSON.

        Raises:
            NotFound: there is no such session.
        """
        return await self._blob(id, "plan") or b""

    async def summary(self, id: str) -> bytes | None:
        """Return a session's report as JSON, None before there is one.

        Raises:
            NotFound: there is no such session.
        """
        return await self._blob(id, "summary")

    async def picture(self, id: str) -> bytes | None:
        """Return a session's newest live picture as JSON, None before the first.

        Raises:
            NotFound: there is no such session.
        """
        return await self._blob(id, "picture")

    async def saved(self, id: str) -> bytes:
        """Return what the conductor kept for the next one, empty before it kept anything.

        Raises:
            NotFound: there is no such session.
        """
        return await self._blob(id, "saved") or b""

    async def list(
        self,
        *,
        state: State | None = None,
        outcome: Outcome | None = None,
        verdict: Verdict | None = None,
        scenario: str | None = None,
        target: str | None = None,
        search: str = "",
        created_from: int | None = None,
        created_to: int | None = None,
        sort: str = "-created_ns",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Session]:
        """Return sessions in the order of `sort` (see `listing.SORTS`; `-`: largest first). `created_to` is not included.

        Raises:
            DocumentError: no list is ordered by `sort`, or the cursor is of another list.
        """
        filters = {
            "state": state, "outcome": outcome, "verdict": verdict, "scenario": scenario, "target": target,
            "search": search, "created_from": created_from, "created_to": created_to,
        }  # fmt: skip
        async with self._database.read() as tx:
            return await list_of(tx, filters, sort, cursor, limit)

    async def count(self, **filters: Any) -> int:
        """Return how many sessions the filters of `list` leave."""
        async with self._database.read() as tx:
            return await count_of(tx, filters)

    async def statistics(self, since_ns: int, until_ns: int, tx: Transaction | None = None) -> Statistics:
        """Return sums over the sessions created in a stretch of time; its end is not included."""
        async with self._database.seen_by(tx) as own:
            return await statistics_of(own, since_ns, until_ns)

    async def wish(
        self, id: str, change: Callable[[Wish], Wish], actor: str, body: EventBody, tx: Transaction | None = None
    ) -> Session:
        """Change what a person wants of a session, with the event that says so.

        Raises:
            NotFound: there is no such session.
            Conflict: it is finished.
        """
        async with self._database.within(tx) as own:
            session = session_of(await _find(own, id, lock=True))
            _unfinished(session)
            wish = change(session.wish)
            await own.run(update(sessions).where(sessions.c.id == id).values(wish=to_text(wish)))
            event = await self._events.append(body, actor, session=id, tx=own)
            return msgspec.structs.replace(session, wish=wish, events=event.number or 0)

    async def claim(self, id: str, worker: str) -> int:
        """Become the session's conductor and return the fence; every earlier one writes nothing from now on.

        Raises:
            NotFound: there is no such session.
            Conflict: it is finished.
        """
        async with self._database.begin(ordered=False) as tx:
            session = session_of(await _find(tx, id, lock=True))
            _unfinished(session)
            fence = session.conductor + 1
            await tx.run(update(sessions).where(sessions.c.id == id).values(conductor=fence, worker=worker))
            return fence

    async def write(
        self,
        id: str,
        fence: int,
        *,
        state: State | None = None,
        outcome: Outcome | None = None,
        verdict: Verdict | None = None,
        exit_code: int | None = None,
        reason: str | None = None,
        reason_kind: str | None = None,
        started_ns: int | None = None,
        finished_ns: int | None = None,
        conversations: int | None = None,
        turns: int | None = None,
        errors: int | None = None,
        cost_pico: int | None = None,
        p95_ms: float | None = None,
        picture: bytes | None = None,
        summary: bytes | None = None,
        saved: bytes | None = None,
        latencies: bytes | None = None,
        tx: Transaction | None = None,
    ) -> bool:
        """Write as the conductor; what is None stays. False: another has taken over, and nothing was written.

        Raises:
            Conflict: the session is finished.
            Internal: the table of transitions does not allow `state`.
        """
        columns = {
            "state": state, "outcome": outcome, "verdict": verdict, "exit_code": exit_code, "reason": reason,
            "reason_kind": reason_kind, "started_ns": started_ns, "finished_ns": finished_ns,
            "conversations": conversations, "turns": turns, "errors": errors, "cost_pico": cost_pico, "p95_ms": p95_ms,
        }  # fmt: skip
        changes = {name: value for name, value in columns.items() if value is not None}
        async with self._database.within(tx, ordered=False) as own:
            query = select(sessions.c.state, sessions.c.conductor).where(sessions.c.id == id).with_for_update()
            row = await own.first(query)
            if row is None or row.conductor != fence:
                return False
            if row.state == State.finished:
                raise Conflict(f"session {id} is finished; what is kept of it does not change")
            if state is not None and state != row.state:
                advance(State(row.state), state)
            if changes:
                await own.run(update(sessions).where(sessions.c.id == id).values(changes))
            await _put(own, id, {"picture": picture, "summary": summary, "saved": saved, "latencies": latencies})
            return True

    async def mark_compacted(self, id: str) -> None:
        """Say that the session's log is in Parquet.

        Raises:
            NotFound: there is no such session.
        """
        async with self._database.begin(ordered=False) as tx:
            if not await tx.changed(update(sessions).where(sessions.c.id == id).values(compacted=True)):
                raise NotFound(f"no session {id}")

    async def delete(self, id: str, actor: str, tx: Transaction | None = None) -> None:
        """Delete a finished session with its shards, ticks and events. The event that says so stays.

        Raises:
            NotFound: there is no such session.
            Conflict: it is not finished.
        """
        async with self._database.within(tx) as own:
            session = session_of(await _find(own, id, lock=True))
            if session.state is not State.finished:
                raise Conflict(f"session {id} is {session.state}", hint="stop it first")
            await own.run(delete(sessions).where(sessions.c.id == id))
            await self._events.append(SessionDeleted(id, session.name), actor, tx=own)

    async def unfinished(self, tx: Transaction | None = None) -> builtins.list[Session]:
        """Return the sessions that are not finished, oldest first."""
        waiting = [state.value for state in State if state is not State.finished]
        query = select(*COLUMNS).where(sessions.c.state.in_(waiting)).order_by(sessions.c.created_ns, sessions.c.id)
        async with self._database.seen_by(tx) as own:
            return [session_of(row) for row in await own.all(query)]

    async def pictures(self, tx: Transaction | None = None) -> dict[str, bytes]:
        """Return the newest live pictures of sessions that are not finished, by id."""
        live = (blobs.c.name == "picture") & (sessions.c.state != State.finished.value)
        query = select(blobs.c.session, blobs.c.body).join(sessions, sessions.c.id == blobs.c.session).where(live)
        async with self._database.seen_by(tx) as own:
            return {row.session: bytes(row.body) for row in await own.all(query)}

    async def names(self, ids: Iterable[str], tx: Transaction | None = None) -> dict[str, str]:
        """Return the names of sessions by id; of those that are not there none."""
        query = select(sessions.c.id, sessions.c.name).where(sessions.c.id.in_(sorted(ids)))
        async with self._database.seen_by(tx) as own:
            return {row.id: row.name for row in await own.all(query)}

    async def ended(self, since_ns: int, until_ns: int, tx: Transaction | None = None) -> builtins.list[str]:
        """Return the ids of finished sessions that were created in a stretch of time; its end is not included."""
        return await self._ids((sessions.c.state == State.finished.value) & _created(since_ns, until_ns), tx)

    async def latencies(self, since_ns: int, until_ns: int, tx: Transaction | None = None) -> builtins.list[bytes]:
        """Return what was kept of the times of these sessions; of one that was taken in from elsewhere nothing is."""
        query = select(blobs.c.body).join(sessions, sessions.c.id == blobs.c.session)
        query = query.where(blobs.c.name == "latencies", _created(since_ns, until_ns))
        async with self._database.seen_by(tx) as own:
            return [bytes(row.body) for row in await own.all(query)]

    async def older_than(self, ns: int) -> builtins.list[str]:
        """Return the ids of finished sessions that ended before `ns`, oldest first."""
        old = (sessions.c.state == State.finished.value) & (sessions.c.finished_ns < ns)
        return await self._ids(old)

    async def not_compacted(self) -> builtins.list[str]:
        """Return the ids of finished sessions whose log is not in Parquet yet, oldest first."""
        return await self._ids((sessions.c.state == State.finished.value) & sessions.c.compacted.is_(False))

    async def _ids(self, condition: Any, tx: Transaction | None = None) -> builtins.list[str]:
        query = select(sessions.c.id).where(condition).order_by(sessions.c.created_ns, sessions.c.id)
        async with self._database.seen_by(tx) as own:
            return [row.id for row in await own.all(query)]

    async def _blob(self, id: str, name: str) -> bytes | None:
        found = select(sessions.c.id, blobs.c.body).select_from(
            sessions.outerjoin(blobs, (blobs.c.session == sessions.c.id) & (blobs.c.name == name))
        )
        async with self._database.read() as tx:
            row = await tx.first(found.where(sessions.c.id == id))
        if row is None:
            raise NotFound(f"no session {id}")
        return row.body if row.body is None else bytes(row.body)


async def _find(tx: Transaction, id: str, *, lock: bool = False) -> Row[Any]:
    query = select(*COLUMNS).where(sessions.c.id == id)
    row = await tx.first(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no session {id}")
    return row


async def _by_key(tx: Transaction, key: str) -> Row[Any] | None:
    return await tx.first(select(*COLUMNS, sessions.c.request_hash).where(sessions.c.request_key == key))


async def _insert(tx: Transaction, session: Session, plan: bytes, key: str | None, request_hash: str) -> None:
    row = {name: getattr(session, name) for name in session.__struct_fields__}
    row |= {
        "wish": to_text(session.wish),
        "events": 0,
        "folded": folded(session.name, session.scenario, session.target, session.id),
        "request_key": key,
        "request_hash": request_hash,
    }
    await tx.run(insert(sessions).values(row))
    await _put(tx, session.id, {"plan": plan})


async def _put(tx: Transaction, id: str, bodies: dict[str, bytes | None]) -> None:
    for name, body in bodies.items():
        if body is not None:
            await tx.upsert(blobs, {"session": id, "name": name, "body": body})


def _created(since_ns: int, until_ns: int) -> ColumnElement[bool]:
    return (sessions.c.created_ns >= since_ns) & (sessions.c.created_ns < until_ns)


def _waiting(session: str, number: int) -> dict[str, Any]:
    return {
        "session": session, "number": number, "attempt": 0, "state": ShardState.waiting.value, "worker": "",
        "reported_ns": 0, "progress": b"",
    }  # fmt: skip


def _unfinished(session: Session) -> None:
    if session.state is State.finished:
        raise Conflict(f"session {session.id} is finished", hint="restart it as a new session")
