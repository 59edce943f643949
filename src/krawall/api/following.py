"""How a live stream is followed. Rows are the truth, the bus says when to look at them.

The order that loses nothing and doubles nothing: subscribe, take the snapshot, send the rows after the reader's number, then
follow. Ticks have no number and may be missed. What a slow reader has not taken yet is one tick; its events wait in their rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Send

from krawall.api.shapes import event_fields, session_fields
from krawall.clock import monotonic_ns
from krawall.errors import Forbidden, NotFound, Unauthorized, Unavailable
from krawall.model.base import NS_PER_S
from krawall.model.event import (
    AccountChanged,
    CredentialChanged,
    DocumentChanged,
    Event,
    SessionDeleted,
    TargetTested,
    WebhookTest,
    WorkerLost,
)
from krawall.model.session import Session, State
from krawall.services.live import Mailbox
from krawall.store.store import Store

if TYPE_CHECKING:
    from krawall.app import App

KEEP_ALIVE_S = 15.0  # also how often a reader's access is checked, and the rows are read without having been told
ASK_S = 1.0  # how often the rows are read while the bus or the database is away
AT_ONCE = 200  # rows to a read
TICKS = 120  # seconds that a snapshot shows
RETRY_MS = 1000  # what a browser waits before it connects again
KEEP_ALIVE = b": still here\n\n"

Access = Callable[[], Awaitable[object]]
"""Raises when the reader may no longer read."""


class EventStream(StreamingResponse):
    """A stream that no proxy may keep or hold back. Its source ends when the reader goes away."""

    media_type = "text/event-stream"

    def __init__(self, source: AsyncGenerator[bytes, None]) -> None:
        super().__init__(source, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._source = source

    async def stream_response(self, send: Send) -> None:
        """Send everything, and close the source whatever happens."""
        async with aclosing(self._source):
            await super().stream_response(send)


class Reader(Protocol):
    """What one stream shows. `more`: there are rows that were not read yet. `over`: nothing follows."""

    more: bool
    over: bool

    async def look(self, followed: bool) -> list[bytes]:
        """Read the rows and return messages. `followed`: the bus brings the ticks."""

    def tick(self, tick: bytes) -> bytes:
        """Return the message of a tick that the bus brought."""


async def follow(app: App, channel: str, reader: Reader, access: Access) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a stream until its end, the server's shutdown or the loss of access."""
    yield format_sse_event(retry=RETRY_MS)
    due = _in(KEEP_ALIVE_S)
    try:
        async with app.live.listen(channel) as box:
            while not app.closing.is_set():
                if box.look or reader.more:
                    for message in await _read(reader, box):
                        yield message
                    if reader.over:
                        return
                if tick := box.tick():
                    yield reader.tick(tick)
                await box.wait(_patience(reader, box, due))
                if not box.followed:
                    box.look = True
                if monotonic_ns() >= due:
                    await _ask(access)
                    yield KEEP_ALIVE
                    box.look = True
                    due = _in(KEEP_ALIVE_S)
    except (Unauthorized, Forbidden):
        yield message_of("end", {"why": "access"})
    except NotFound:
        yield message_of("end", {"why": "deleted"})


async def _read(reader: Reader, box: Mailbox) -> list[bytes]:
    """Return what is new; without a database nothing is, and the reader asks again."""
    box.look = False
    try:
        return await reader.look(box.followed)
    except Unavailable:
        box.look = True
        return []


async def _ask(access: Access) -> None:
    with suppress(Unavailable):  # who cannot be asked about is not shut out
        await access()


def _patience(reader: Reader, box: Mailbox, due: int) -> float:
    """Return how long to wait for news, seconds."""
    if reader.more:
        return 0.0
    left = (due - monotonic_ns()) / NS_PER_S
    return left if box.followed and not box.look else min(left, ASK_S)


def _in(seconds: float) -> int:
    return monotonic_ns() + round(seconds * NS_PER_S)


def message_of(event: str, data: dict[str, Any], id: int | None = None) -> bytes:
    """Return one message as it is sent."""
    text = msgspec.json.encode(data).decode()
    return format_sse_event(event=event, data_str=text, id=None if id is None else str(id))


class SessionReader:
    """One session: a snapshot, then its events and seconds. `after`: the number of the last event that the reader has."""

    def __init__(self, store: Store, session: str, after: int | None) -> None:
        self.more = False
        self.over = False
        self._store = store
        self._session = session
        self._after = after
        self._sent: int | None = None
        self._second = -1

    async def look(self, followed: bool) -> list[bytes]:
        """Read the session's state first and its events after it, so that those of a finished one are complete."""
        session = await self._store.sessions.get(self._session)
        if self._sent is None:
            return [await self._snapshot(session)]
        messages = [] if followed else await self._ticks()
        found = await self._store.events.after(self._sent, session=self._session, limit=AT_ONCE)
        for event in found:
            self._sent = event.number or self._sent
            messages.append(message_of("event", event_fields(event), self._sent))
        self.more = len(found) == AT_ONCE
        if session.state is State.finished and not self.more:
            self.over = True
            messages.append(message_of("end", {"why": "finished"}))
        return messages

    def tick(self, tick: bytes) -> bytes:
        """Pass on a tick as it was published, and remember which second it was."""
        with suppress(msgspec.MsgspecError):
            self._second = max(self._second, msgspec.json.decode(tick, type=_Second).second)
        return format_sse_event(event="tick", data_str=tick.decode())

    async def _snapshot(self, session: Session) -> bytes:
        sessions = self._store.sessions
        picture, summary = await sessions.picture(session.id), await sessions.summary(session.id)
        ticks = await self._store.ticks.last(session.id, TICKS)
        if ticks:
            self._second = ticks[-1][0]
        data = {
            "session": session_fields(session),
            "picture": _raw(picture),
            "summary": _raw(summary),
            "ticks": [{"second": second, "point": msgspec.Raw(point)} for second, point in ticks],
            "event": session.events,
        }
        self._sent = session.events if self._after is None else min(self._after, session.events)
        self.more = True
        return message_of("snapshot", data, self._sent)

    async def _ticks(self) -> list[bytes]:
        """Return the seconds that were written since the last one that was shown."""
        found = await self._store.ticks.since(self._session, self._second + 1, TICKS)
        if not found:
            return []
        picture = _raw(await self._store.sessions.picture(self._session))
        self._second = found[-1][0]
        return [
            message_of("tick", {"second": second, "point": msgspec.Raw(point), "picture": picture, "newest": None})
            for second, point in found
        ]


class ChangeReader:
    """The whole installation: the names of what changed. `after`: the id of the last event that the reader has."""

    def __init__(self, store: Store, types: list[str] | None, after: int | None) -> None:
        self.more = False
        self.over = False
        self._store = store
        self._types = types
        self._after = after
        self._sent: int | None = None

    async def look(self, followed: bool) -> list[bytes]:
        """Read the events after the last one that was sent."""
        if self._sent is None:
            newest = await self._store.events.newest()
            self._sent = newest if self._after is None else min(self._after, newest)
            self.more = True
            return [format_sse_event(id=str(self._sent))]  # no message: only the number from which a reader goes on
        found = await self._store.events.after(self._sent, types=self._types, limit=AT_ONCE)
        self.more = len(found) == AT_ONCE
        if found:
            self._sent = found[-1].id
        return [
            message_of("changed", {"names": names(event), "event": event_fields(event)}, event.id) for event in found
        ]

    def tick(self, tick: bytes) -> bytes:
        """Pass on that a session went on. Who asked for some types of events is not told: this is none."""
        return b"" if self._types else format_sse_event(event="moved", data_str=tick.decode())


class _Second(msgspec.Struct):
    second: int


def _raw(data: bytes | None) -> msgspec.Raw | None:
    return msgspec.Raw(data) if data else None


def names(event: Event) -> list[str]:
    """Return what changed, as pages call it: `session:ses_..`, `target:tgt_..`, `worker:wrk_..`, `credential:NAME`, `account:NAME`."""
    body = event.body
    found = [f"session:{event.session}"] if event.session else []
    if isinstance(body, SessionDeleted):
        found.append(f"session:{body.session}")
    elif isinstance(body, DocumentChanged):
        found.append(f"{body.kind}:{body.id}")
    elif isinstance(body, WorkerLost):
        found.append(f"worker:{body.worker}")
    elif isinstance(body, CredentialChanged):
        found.append(f"credential:{body.name}")
    elif isinstance(body, AccountChanged):
        found.append(f"account:{body.name}")
    elif isinstance(body, WebhookTest):
        found.append(f"webhook:{body.webhook}")
    elif isinstance(body, TargetTested):
        found.append(f"target:{body.target}")
    return found
