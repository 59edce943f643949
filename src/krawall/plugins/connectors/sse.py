"""The connector `sse`: one request out, a stream of server-sent events (or lines of JSON) back; every event is stamped as it arrives."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import blake2b
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from krawall.model.base import Document, Duration
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault, Usage
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Caller, Route, empty, hidden, status_fault, unreadable, words_of
from krawall.net.gathering import Manners
from krawall.net.http1 import Closed
from krawall.net.listening import Listening, ListeningChannel
from krawall.version import __version__
from krawall.wire.reply import Found, NotMapped, Reader, compile_reply, merge_usage
from krawall.wire.request import compile_request
from krawall.wire.rules import Where, rules_of
from krawall.wire.sse import EventParser


class Listen(Document):
    """For replies on a stream of their own: each user keeps a GET open and sends beside it. `{user}` in paths is an id per user."""

    path: str = Field(description="of the stream, e.g. /stream/{user}")
    send: str = Field("", description="where messages go, e.g. /send/{user}; without it the target's own path")
    greeting: Annotated[int, Field(ge=0, le=100)] = Field(0, description="events that come before anything is asked")
    last: str = Field("done", description="name of the event that ends a reply")
    ends: list[Where] | Where | None = Field(
        None, description="what else ends a reply, e.g. {path: finish_reason}; `reply.done` does always"
    )
    silence: Duration = Field(
        0, description="the reply is over when nothing has come for so long; for streams without an end"
    )

    @model_validator(mode="after")
    def _readable(self) -> Self:
        for end in self.ends if isinstance(self.ends, list) else [self.ends] if self.ends else ():
            end.rule()
        return self


class Sse(Connector):
    """Ask with one request, read a stream of events; or listen to one stream, and send beside it."""

    kind: Literal["sse"] = "sse"
    listen: Listen | None = None

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        route = Route(target, secrets, gate, session, timeouts, __version__)
        return nullcontext(SseLine(route) if self.listen is None else ListeningLine(route, self.listen, session))


class SseLine:
    """What users share: the route, the compiled request and the decoder of events."""

    def __init__(self, route: Route) -> None:
        mapping = route.target.reply
        self.route = route
        self.encode = compile_request(route.target)
        self.reader: Reader = compile_reply(mapping)
        self.done = mapping.done.encode() if mapping.done is not None else None
        self.ends = mapping.ends
        self.lines = mapping.format == "ndjson"
        self.max_event = route.target.sizes.event

    def channel(self) -> Channel:
        """Return a user's channel."""
        return SseChannel(self)

    async def probe(self) -> None:
        """Connect once."""
        await self.route.probe()


class ListeningLine:
    """What users share who listen to a stream each."""

    def __init__(self, route: Route, settings: Listen, session: str) -> None:
        mapping = route.target.reply
        self.route = route
        self._encode = compile_request(route.target)
        self._reader = compile_reply(mapping)
        done = mapping.done.encode() if mapping.done is not None else None
        manners = Manners(rules_of(settings.ends), done, settings.silence, told=True)
        self._listening = Listening(settings.path, settings.send, settings.greeting, settings.last, manners)
        self._name = blake2b(session.encode(), digest_size=6).hexdigest()
        self._count = 0

    def channel(self) -> Channel:
        """Return a user's channel."""
        self._count += 1
        # Several processes share a session: their ids must differ, and no text depends on them.
        user = f"{self._name}-{os.getpid()}-{self._count}"
        return ListeningChannel(self.route, self._encode, self._reader, self._listening, user)

    async def probe(self) -> None:
        """Connect once."""
        await self.route.probe()


class SseChannel:
    """One user's connection; reads events as they arrive."""

    __slots__ = (
        "_caller", "_conversation_id", "_error", "_finish", "_headers", "_line", "_mark", "_over", "_parser",
        "_plain", "_read", "_status", "_text", "_usage",
    )  # fmt: skip

    def __init__(self, line: SseLine) -> None:
        self._line = line
        self._caller = Caller(line.route, line.encode)
        self._read = line.reader.event
        self._clear()

    def _clear(self) -> None:
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._plain: list[bytes] | None = None  # the body, when it is no stream
        self._parser: EventParser | LineParser = (
            LineParser(self._line.max_event) if self._line.lines else EventParser(self._line.max_event)
        )
        self._text: list[str] = []
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._error: str | None = None
        self._conversation_id: str | None = None
        self._over = False

    def on_byte(self, at_ns: int) -> None:
        """Stamp the first byte."""
        self._mark.byte(at_ns)

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """A reply that is no stream is kept whole, for the error it holds."""
        self._status = status
        self._headers = headers
        kind = headers.get(b"content-type", b"")
        if not 200 <= status < 300 or (b"json" in kind and not self._line.lines) or b"html" in kind:
            self._plain = []

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Split into events, stamp and read each."""
        if self._plain is not None:
            self._plain.append(data)
            return False
        mark = self._mark
        done = self._line.done
        try:
            events = self._parser.feed(data)
        except ValueError as error:
            raise TargetFault(FaultKind.protocol, str(error), status=self._status) from None
        for event in events:
            payload = event.data
            if self._over:
                break
            if payload == done:
                self._over = True
                break
            mark.event(at_ns)
            try:
                found = self._read(payload)
            except NotMapped as error:
                raise unreadable(self._line.route, self._read, payload, error, self._status) from None
            if found.text:
                self._text.append(found.text)
                mark.token(found.text, at_ns)
            elif found.reasoning or found.tool:
                mark.token(found.reasoning or "", at_ns, False)
            if found.finish or found.usage or found.error or found.conversation_id:
                self._keep(found)
        return self._over

    def _keep(self, found: Found) -> None:
        if found.finish:
            self._finish = found.finish
        if found.usage:
            self._usage = merge_usage(self._usage, found.usage)
        if found.conversation_id:
            self._conversation_id = found.conversation_id
        if found.error:
            self._error = found.error
            self._over = True  # nothing that follows makes it a reply

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Ask and read to the end of the stream."""
        self._clear()
        self._mark = mark
        try:
            try:
                await self._caller.call(prompt, mark, self)
            except Closed as closed:
                await self._caller.again(closed, mark, self)
            except asyncio.CancelledError:
                self._caller.hang_up()
                raise
            if self._line.lines and self._plain is None:
                self.on_body(b"\n", mark.now())  # the last line may come without its end
        except TargetFault as fault:
            if fault.usage is None and (self._usage or self._text):
                raise TargetFault(
                    fault.fault.kind, fault.fault.detail, status=fault.fault.status or self._status or None,
                    retry_after_ns=fault.fault.retry_after_ns, usage=self._usage, text="".join(self._text),
                ) from None  # fmt: skip
            raise
        return self._outcome(mark)

    def _outcome(self, mark: Mark) -> Reply:
        text, status, usage = "".join(self._text), self._status, self._usage
        route = self._line.route
        if self._plain is not None:
            words = words_of(route, self._line.reader, b"".join(self._plain))
            if 200 <= status < 300:
                kind = route.quote(self._headers.get(b"content-type", b"").decode("latin-1"))
                raise TargetFault(FaultKind.protocol, f"asked for a stream, got {kind}: {words}"[:300], status=status)
            raise status_fault(route, status, self._headers, words)
        if self._error:
            raise TargetFault(FaultKind.server, route.quote(self._error), status=status, usage=usage, text=text)
        if self._line.ends and not self._over and not self._finish:
            raise TargetFault(
                FaultKind.truncated, "the stream ended before its end", status=status, usage=usage, text=text
            )
        if not mark.tokens() and not hidden(usage):
            raise TargetFault(FaultKind.protocol, route.quote(empty(self._finish)), status=status, usage=usage)
        return Reply(text, status, usage, self._finish, self._conversation_id)

    def listen(self, tap: Tap | None) -> None:
        """Let somebody hear the bodies."""
        self._caller.tap = tap

    def slow(self, by_ns: int) -> None:
        """Read slowly."""
        self._caller.slow_ns = by_ns

    async def close(self) -> None:
        """Hang up."""
        await self._caller.close()


class _Line:
    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class LineParser:
    """Splits newline-delimited JSON; the counterpart of EventParser."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = b""

    def feed(self, data: bytes) -> list[_Line]:
        """Return the lines that are complete; raises ValueError when one is larger than the limit."""
        *whole, self._held = (self._held + data).split(b"\n")
        if len(self._held) > self._limit:
            raise ValueError(f"line larger than {self._limit:,} bytes")
        return [_Line(line) for line in whole if line.strip()]
