"""The connector `http`: one JSON (or text) body out, one body back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal, Self

from pydantic import Field, model_validator

from krawall.guard.tiers import redirect_allowed
from krawall.model.base import NS_PER_S, Document, Duration, format_duration
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Caller, Route, empty, hidden, retry_after, status_fault, unreadable, words_of
from krawall.net.http1 import Closed
from krawall.version import __version__
from krawall.wire.document import decode_any
from krawall.wire.paths import parse_address
from krawall.wire.reply import NotMapped, Reader, compile_reply
from krawall.wire.request import compile_request
from krawall.wire.rules import Where


class Poll(Document):
    """For answers that are not there at once: where to look for them. An error that the mapping finds is an answer too."""

    url: str = Field(
        description="where the address stands in the first reply, e.g. status_url; or an address with paths into it: /jobs/{id}"
    )
    until: Where | None = Field(
        None,
        description="the answer is there when this holds, e.g. {path: status, equals: done}; else when there is a text",
    )
    every: Duration = Field(
        NS_PER_S // 2, description="how long between two looks; the reply is timed no finer than this"
    )
    most: Duration = Field(60 * NS_PER_S, description="after so long there is none to be expected")

    @model_validator(mode="after")
    def _readable(self) -> Self:
        parse_address(self.url)
        if self.until is not None:
            self.until.rule()
        return self


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
        self.address = parse_address(poll.url) if poll is not None else None
        self.until = poll.until.rule() if poll is not None and poll.until is not None else None
        self.encode = compile_request(route.target)
        self.reader: Reader = compile_reply(route.target.reply)

    def channel(self) -> Channel:
        """Return a user's channel."""
        return HttpChannel(self)

    def answered(self, body: bytes) -> bool:
        """Tell whether a body is the answer, and not only word that somebody is at work."""
        try:
            found = self.reader.read(body)
        except NotMapped:
            return self.until is not None and self.until.holds(self.reader.document(body))
        if self.until is not None and not found.error:
            return self.until.holds(self.reader.document(body))
        return bool(found.text or found.error or found.tool)

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
        if not text and not found.tool and not found.reasoning and not hidden(found.usage):
            raise TargetFault(
                FaultKind.protocol, self._line.route.quote(empty(found.finish)), status=status, usage=found.usage
            )
        mark.token(text, at_ns, bool(text))
        return Reply(text, status, found.usage, found.finish, found.conversation_id)

    async def _look(self, poll: Poll, mark: Mark) -> None:
        """Look for the answer until it is there; then it stands where the first reply stood.

        A server that asks for a longer wait (Retry-After) gets it.

        Raises:
            TargetFault: there is none within `most`, or no address to look at.
        """
        path = ""
        ends = mark.now() + poll.most
        self.on_byte = _nobody
        while 200 <= self._status < 300 and not self._line.answered(b"".join(self._parts)):
            path = path or self._address(b"".join(self._parts))
            wait = max(poll.every, retry_after(self._headers) or 0)
            if mark.now() + wait > ends:
                words = self._line.route.quote(f"no answer at {path} within {format_duration(poll.most)}")
                raise TargetFault(FaultKind.timeout, words)
            try:
                await asyncio.sleep(wait / NS_PER_S)
                self._parts = []
                await self._caller.look(path, self)
            except asyncio.CancelledError:
                self._caller.hang_up()
                raise

    def _address(self, body: bytes) -> str:
        """Return the path to look at, of the same host as the first request."""
        route, fill = self._line.route, self._line.address
        assert fill is not None, "only asked with poll"
        try:
            address = fill(decode_any(body))
        except (NotMapped, LookupError) as error:
            raise TargetFault(
                FaultKind.protocol, route.quote(f"poll: {error} in the first reply"), status=self._status
            ) from None
        site = redirect_allowed(route.site, address)
        if site is None:
            raise TargetFault(
                FaultKind.protocol, "poll: the address is of another host: not asked", status=self._status
            )
        return site.path

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
