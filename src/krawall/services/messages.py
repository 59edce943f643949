"""What was said and heard in a session, page by page, and all of a session as files: messages, result, seconds, report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from krawall.archive import query
from krawall.archive.archive import Archive
from krawall.archive.compact import FILES
from krawall.archive.export import Format, export
from krawall.archive.query import MessagePage
from krawall.archive.spread import FILE, Spread, spread
from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.model.session import Session, State
from krawall.model.summary import Point, Summary
from krawall.plugins.assemble import read_plan
from krawall.services.aside import aside
from krawall.services.exports import MEDIA_TYPES, Export, Row, What, begun, check, flat, from_thread, rows_as
from krawall.services.rebuilding import Rebuilt, rebuilt
from krawall.services.replaying import Replay, replay
from krawall.store.store import Store

T = TypeVar("T")

REPORT = "report.html"
LOG = "log/"
TICKS_AT_ONCE = 2000
SETTLED_NS = 1_500_000_000  # what was done later than so long ago may still be on its way into the log


class Messages:
    """Reads logs, wherever they are. One per process; owns nothing."""

    def __init__(self, store: Store, archive: Archive) -> None:
        self._store = store
        self._archive = archive

    async def page(self, id: str, **filters: Any) -> MessagePage:
        """Return messages; see `archive.query.messages` for the filters.

        Raises:
            NotFound: there is no such session.
            Unavailable: the log cannot be read.
        """
        session = await self._store.sessions.get(id)
        return await self._ask(session, query.messages, until_ns=_until_ns(session), **filters)

    async def conversations(self, id: str, **filters: Any) -> MessagePage:
        """Return the conversations that are over; see `archive.query.conversations`.

        Raises:
            NotFound, Unavailable: as for `page`.
        """
        session = await self._store.sessions.get(id)
        return await self._ask(session, query.conversations, until_ns=_until_ns(session), **filters)

    async def conversation(self, id: str, number: int) -> list[dict[str, Any]]:
        """Return what happened in one conversation in order; see `archive.query.conversation`.

        Raises:
            NotFound: there is no such session, or nothing of such a conversation.
            Unavailable: as for `page`.
        """
        session = await self._store.sessions.get(id)
        found = await self._ask(session, query.conversation, number, until_ns=_until_ns(session))
        if not found:
            raise NotFound(f"{id} has no conversation {number}, or not yet")
        return found

    async def replay(self, id: str, number: int) -> Replay:
        """Return a conversation as it can be watched again. Raises as `conversation`."""
        items = await self.conversation(id, number)
        kept = await self._store.sessions.summary(id)
        latency = msgspec.json.decode(kept, type=Summary).metrics.get("latency") if kept is not None else None
        return replay(id, number, items, latency.p95 if latency is not None else None)

    async def request(self, id: str, number: int, turn: int) -> Rebuilt:
        """Return the request of a turn, made anew from the plan and the log.

        Raises:
            NotFound: there is no such turn, or its text was not kept.
            Unavailable: as for `page`.
        """
        found, text = await self.replay(id, number), await self._store.sessions.plan(id)
        return await asyncio.to_thread(lambda: rebuilt(read_plan(text), id, found, turn))

    async def spread(self, id: str) -> Spread:
        """Return how response times lie over a session. Raises as `page`."""
        session = await self._store.sessions.get(id)
        if session.compacted:
            with suppress(NotFound):
                return msgspec.json.decode(await self._archive.read(id, FILE), type=Spread)
        return await self._ask(session, spread, until_ns=_until_ns(session))

    async def export(self, id: str, what: What, format: Format) -> Export:
        """Return a file of a session. It is made while it is read.

        Raises:
            NotFound: there is no such session.
            DocumentError: there is no such file.
            Conflict: the session has no result yet.
            Unavailable: as for `page`.
        """
        check(what, format)
        session = await self._store.sessions.get(id)
        if what == "summary":
            content = await self._summary(session, format)
        elif what == "ticks":
            content = rows_as(format, self._ticks(id), ["second", *Point.__struct_fields__])
        else:
            chunks = await self._ask(session, export, what, format, until_ns=_until_ns(session))
            content = from_thread(chunks)
        return Export(MEDIA_TYPES[format], f"{id}-{what}.{format}", await begun(content))

    async def report(self, id: str) -> bytes:
        """Return the report of a finished session, one HTML page; it is written now if nobody has done it yet.

        Raises:
            NotFound: there is no such session, or nothing of its log is left.
            Conflict: it is not finished.
            Unavailable: as for `page`.
        """
        session = await self._store.sessions.get(id)
        if session.state is not State.finished:
            raise Conflict(f"{id} is {session.state}; the report is written at its end")
        try:
            return await self._archive.read(id, REPORT)
        except NotFound:
            names = [name for name, _ in await self._archive.names(id)]
            if "manifest.json" not in names:
                raise NotFound(f"{id} has no report: it ended before anything was played") from None
            wanted = [name for name in names if name.startswith(LOG) or name in ("manifest.json", "plan.json")]
            folder = await self._archive.fetch(id, *wanted)
            await aside("report", folder)
            page = await asyncio.to_thread((folder / REPORT).read_bytes)
            await self._archive.put(id, REPORT, page)
            return page

    async def _ask(self, session: Session, question: Callable[..., T], *args: Any, **filters: Any) -> T:
        folder = await self._folder(session)
        return await asyncio.to_thread(question, folder, *args, **filters)

    async def _folder(self, session: Session) -> Path:
        """Return a folder of this machine with what questions read."""
        if self._archive.local is not None:
            return await self._archive.fetch(session.id)
        if session.compacted:
            return await self._archive.fetch(session.id, *FILES)
        names = [name for name, _ in await self._archive.names(session.id) if name.startswith(LOG)]
        return await self._archive.fetch(session.id, *names)

    async def _summary(self, session: Session, format: Format) -> AsyncGenerator[bytes, None]:
        summary = await self._store.sessions.summary(session.id)
        if summary is None:
            raise Conflict(f"{session.id} has no result yet", hint="it has one when it is finished")
        if format == "json":
            return _whole(msgspec.json.format(summary, indent=2) + b"\n")
        if format == "jsonl":
            return _whole(msgspec.json.format(summary, indent=0) + b"\n")
        leaves = flat(msgspec.json.decode(summary))
        return rows_as("csv", _each([{"name": path, "value": value} for path, value in leaves]), ["name", "value"])

    async def _ticks(self, id: str) -> AsyncIterator[Row]:
        second = 0
        while found := await self._store.ticks.since(id, second, TICKS_AT_ONCE):
            for second, body in found:
                yield {"second": second, **msgspec.json.decode(body)}
            second += 1


async def _whole(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


async def _each(rows: list[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row


def _until_ns(session: Session) -> int | None:
    """Return up to when messages are shown, ns since the session began; None: all of them."""
    if session.state is State.finished:
        return None
    return max(0, wall_ns() - session.started_ns - SETTLED_NS) if session.started_ns is not None else 0
