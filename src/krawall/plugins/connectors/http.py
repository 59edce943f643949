"""The connector `http`: one JSON (or text) body out, one body back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal

from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Caller, Route, status_fault, unreadable, words_of
from krawall.net.http1 import Closed
from krawall.version import __version__
from krawall.wire.reply import NotMapped, Reader, compile_reply
from krawall.wire.request import compile_request


class Http(Connector):
    """Ask with one request, read the whole body."""

    kind: Literal["http"] = "http"

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        return nullcontext(HttpLine(Route(target, secrets, gate, session, timeouts, __version__)))


class HttpLine:
    """What users share: the route, the compiled request and reply."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.encode = compile_request(route.target)
        self.reader: Reader = compile_reply(route.target.reply)

    def channel(self) -> Channel:
        """Return a user's channel."""
        return HttpChannel(self)

    async def probe(self) -> None:
        """Connect once."""
        await self.route.probe()


class HttpChannel:
    """One user's connection; collects the body."""

    __slots__ = ("_caller", "_headers", "_line", "_parts", "_status", "on_byte")

    def __init__(self, line: HttpLine) -> None:
        self._line = line
        self._caller = Caller(line.route, line.encode)
        self._parts: list[bytes] = []
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self.on_byte: Callable[[int], None] = _nobody

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Keep the head."""
        self._status = status
        self._headers = headers

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Keep the bytes."""
        self._parts.append(data)
        return False

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Ask; the reply counts as one content event at the moment it is complete."""
        self._parts = []
        self.on_byte = mark.byte
        try:
            await self._caller.call(prompt, mark, self)
        except Closed as closed:
            await self._caller.again(closed, mark, self)
        except asyncio.CancelledError:
            self._caller.hang_up()
            raise
        at_ns = mark.now()
        body = b"".join(self._parts) if len(self._parts) != 1 else self._parts[0]
        reader = self._line.reader
        status = self._status
        if not 200 <= status < 300:
            raise status_fault(self._line.route, status, self._headers, words_of(self._line.route, reader, body))
        if not body.isascii() and not _is_utf8(body):
            raise TargetFault(FaultKind.protocol, "the reply is not valid UTF-8", status=status)
        try:
            found = reader.read(body)
        except NotMapped as error:
            raise unreadable(self._line.route, reader.read, body, error, status) from None
        if found.error:
            raise TargetFault(FaultKind.server, self._line.route.quote(found.error), status=status, usage=found.usage)
        text = found.text or ""
        if not text and not found.tool and not found.reasoning:
            raise TargetFault(FaultKind.protocol, "the reply is empty", status=status, usage=found.usage)
        mark.token(text, at_ns, bool(text))
        return Reply(text, status, found.usage, found.finish, found.conversation_id)

    def listen(self, tap: Tap | None) -> None:
        """Let somebody hear the bodies."""
        self._caller.tap = tap

    def slow(self, by_ns: int) -> None:
        """Read slowly."""
        self._caller.slow_ns = by_ns

    async def close(self) -> None:
        """Hang up."""
        await self._caller.close()


def _nobody(at_ns: int) -> None:
    """Nothing was asked yet."""


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
