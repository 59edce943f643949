"""The connector `http`: one JSON (or text) body out, one body back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from krawall.guard.hosts import parse_url
from krawall.guard.tiers import redirect_allowed
from krawall.model.base import NS_PER_S, Document, Duration, format_duration
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Caller, Route, status_fault, unreadable, words_of
from krawall.net.http1 import Closed
from krawall.version import __version__
from krawall.wire.document import decode_any
from krawall.wire.paths import parse_path
from krawall.wire.reply import NotMapped, Reader, compile_reply
from krawall.wire.request import compile_request


class Poll(Document):
    """For answers that are not there at once: where to look for them. They are there when the mapping finds a text or an error."""

    url: str = Field(
        description="where the address stands in the first reply, e.g. status_url; or an address with paths into it: /jobs/{id}"
    )
    every: Duration = Field(
        NS_PER_S // 2, description="how long between two looks; the reply is timed no finer than this"
    )
    most: Duration = Field(60 * NS_PER_S, description="after so long there is none to be expected")


class Http(Connector):
    """Ask with one request, read the whole body; or look for the answer until it is there."""

    kind: Literal["http"] = "http"
    poll: Poll | None = None

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        return nullcontext(HttpLine(Route(target, secrets, gate, session, timeouts, __version__), self.poll))


class HttpLine:
    """What users share: the route, the compiled request and reply."""

    def __init__(self, route: Route, poll: Poll | None = None) -> None:
        self.route = route
        self.poll = poll
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
        if self._line.poll is not None and 200 <= self._status < 300:
            await self._look(self._line.poll, mark)
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

    async def _look(self, poll: Poll, mark: Mark) -> None:
        """Look for the answer until it is there; then it stands where the first reply stood.

        Raises:
            TargetFault: there is none within `most`, or no address to look at.
        """
        reader, path = self._line.reader, ""
        ends = mark.now() + poll.most
        self.on_byte = _nobody
        while 200 <= self._status < 300 and not _answered(reader, b"".join(self._parts)):
            path = path or self._address(poll, b"".join(self._parts))
            if mark.now() + poll.every > ends:
                raise TargetFault(FaultKind.timeout, f"no answer at {path} within {format_duration(poll.most)}")
            try:
                await asyncio.sleep(poll.every / NS_PER_S)
                self._parts = []
                await self._caller.look(path, self)
            except asyncio.CancelledError:
                self._caller.hang_up()
                raise

    def _address(self, poll: Poll, body: bytes) -> str:
        """Return the path to look at, of the same host as the first request."""
        route = self._line.route
        try:
            address = filled(poll.url, decode_any(body))
        except NotMapped as error:
            raise TargetFault(FaultKind.protocol, route.quote(f"poll: {error}"), status=self._status) from None
        if address.startswith("/") and not address.startswith("//"):
            return address
        if not redirect_allowed(route.site, address):
            raise TargetFault(
                FaultKind.protocol, "poll: the address is of another host: not asked", status=self._status
            )
        return parse_url(address).path

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


def _answered(reader: Reader, body: bytes) -> bool:
    try:
        found = reader.read(body)
    except NotMapped:
        return False
    return bool(found.text or found.error or found.tool)


_PLACE = re.compile(r"\{([^{}]+)\}")


def filled(template: str, document: object) -> str:
    """Return an address: the value at a path, or a text with `{path}` in it.

    Raises:
        NotMapped: a path leads to nothing that can stand in an address.
    """

    def value(path: str) -> str:
        found = parse_path(path).find(document)
        if not found or isinstance(found[0], (dict, list, bool)):
            raise NotMapped(f"nothing at {path} in the first reply")
        return str(found[0])

    if "{" not in template:
        return value(template)
    return _PLACE.sub(lambda match: quote(value(match[1]), safe=""), template)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
