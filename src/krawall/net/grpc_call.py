"""One user's calls of a gRPC method: a connection of its own, messages stamped as they arrive, gathered into replies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from krawall.model.base import NS_PER_S
from krawall.model.connector import Mark, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.net.caller import Route, unreadable
from krawall.net.grpc_dial import Dialer, Metadata, metadata
from krawall.net.grpc_faults import Lost, call_fault
from krawall.net.said import Said
from krawall.wire.document import decode_any
from krawall.wire.proto import Method
from krawall.wire.reply import Found, NotMapped, Reader
from krawall.wire.rules import Rule

Encode = Callable[[Prompt], "Outgoing"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Messages to send: as JSON for whoever listens, and as bytes."""

    shown: bytes
    messages: list[bytes]


@dataclass(frozen=True, slots=True)
class Calling:
    """How calls go; shared by all users. `opening` goes first on a call whose requests stream; `kept`: such a call is kept.

    `ends` are the rules of the last message of a reply on a kept call; without any it is one that `finishes` (has a finish
    reason), or else every message.
    """

    method: Method
    encode: Encode
    opening: Encode
    reader: Reader
    metadata: Metadata
    deadline_s: float
    kept: bool = False
    opens: bool = False  # there is an opening
    ends: tuple[Rule, ...] = ()
    finishes: bool = False
    complete: bool = False  # a stream without a finish reason is truncated
    told: bool = False  # the server names the conversation: without a name a new one begins


_UNIMPLEMENTED = 501

Prepare = Callable[[Any], Awaitable[Calling]]


class GrpcChannel:
    """One user's connection: dialled when first needed, dialled again when it is gone."""

    __slots__ = (
        "_aio", "_call", "_calling", "_channel", "_dialer", "_heard", "_invoke", "_kind", "_mark", "_prepare", "_route", "_said", "_slow_s", "_tap",
    )  # fmt: skip

    def __init__(self, route: Route, dialer: Dialer, prepare: Prepare, calling: Calling | None) -> None:
        self._route = route
        self._dialer = dialer
        self._aio = dialer.aio
        self._prepare = prepare
        self._calling = calling
        self._channel: Any = None
        self._invoke: Any = None
        self._kind = ""
        self._call: Any = None  # what is under way, or kept
        self._said = Said()
        self._heard = False  # a message of the reply came
        self._slow_s = 0.0
        self._tap: Tap | None = None

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Call, and read to the end of the reply."""
        self._said = Said()
        self._heard = False
        self._mark = mark
        try:
            fresh = await self._connected(mark)
            calling = self._calling or await self._prepared(mark)
            sending = self._encoded(calling, prompt)
            try:
                await self._talk(calling, sending, prompt)
            except Lost as lost:
                if fresh:
                    raise TargetFault(FaultKind.connect, str(lost)) from None
                await self._again(calling, sending, prompt)
        except asyncio.CancelledError:
            self._hang_up()
            raise
        except TargetFault as fault:
            self._hang_up()
            raise self._said.before(fault) from None
        return self._said.reply(self._route, mark, 200)

    # The connection -----------------------------------------------------------------------------------

    async def _connected(self, mark: Mark) -> bool:
        """Have a connection; return whether it is a new one."""
        if self._channel is not None and self._dialer.is_open(self._channel):
            return False
        await self.close()
        self._channel, took = await self._dialer.dial()
        mark.dialled(took)
        self._invoke = None
        return True

    async def _prepared(self, mark: Mark) -> Calling:
        mark.hold()
        try:
            self._calling = calling = await self._prepare(self._channel)
        finally:
            mark.release()
        return calling

    async def _again(self, calling: Calling, sending: Outgoing, prompt: Prompt) -> None:
        """Call once more when the server had ended a kept call or connection meanwhile: no part of a reply had come.

        Raises:
            TargetFault: this one fails too.
        """
        self._hang_up()
        await self._connected(self._mark)
        try:
            await self._talk(calling, sending, prompt)
        except Lost as twice:
            raise TargetFault(FaultKind.connect, str(twice)) from None

    def _hang_up(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    async def close(self) -> None:
        """End what is under way and hang up."""
        self._hang_up()
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    # Calling ------------------------------------------------------------------------------------------

    def _encoded(self, calling: Calling, prompt: Prompt) -> Outgoing:
        try:
            sending = calling.encode(prompt)
        except ValueError as error:
            raise TargetFault(FaultKind.protocol, self._route.quote(str(error))) from None
        if self._tap is not None:
            self._tap("sent", sending.shown)
        return sending

    async def _talk(self, calling: Calling, sending: Outgoing, prompt: Prompt) -> None:
        """Send the messages and read the reply.

        Raises:
            TargetFault: the call fails.
            Lost: the connection, or a kept call, was gone before anything came.
        """
        method = calling.method
        try:
            if method.client_streaming and (calling.kept or calling.opens or len(sending.messages) != 1):
                await self._stream(calling, sending, prompt)
            elif method.client_streaming or method.server_streaming:
                call = self._started(calling, prompt, "unary_stream", sending.messages[0])
                await self._read(calling, call)
            else:
                call = self._started(calling, prompt, "unary_unary", sending.messages[0])
                data = await call
                self._take(calling, data)
        except self._aio.AioRpcError as error:
            raise await self._failed(error) from None
        if not calling.kept or self._said.error:
            self._hang_up()

    async def _failed(self, error: Any) -> TargetFault:
        """Return the fault of a failed call. A connection that broke, or speaks something else, is not asked again.

        Raises:
            Lost: nothing had come.
        """
        self._call = None
        spoilt = True
        try:
            fault = call_fault(self._route, error, heard=self._heard or bool(error.initial_metadata()))
            kind, status = fault.fault.kind, fault.fault.status
            spoilt = kind is FaultKind.truncated or (kind is FaultKind.protocol and status != _UNIMPLEMENTED)
            return fault
        finally:
            if spoilt:
                await self.close()

    def _started(self, calling: Calling, prompt: Prompt, kind: str, *messages: bytes) -> Any:
        """Begin a call; what is not a stream of requests is sent with it."""
        who = calling.metadata
        if prompt.extra:
            try:
                extra = metadata(prompt.extra)
            except ValueError as error:
                raise TargetFault(FaultKind.protocol, str(error)) from None
            who = (*((name, value) for name, value in who if name not in prompt.extra), *extra)
        if self._invoke is None or self._kind != kind:
            self._invoke, self._kind = getattr(self._channel, kind)(calling.method.path), kind
        deadline = None if calling.kept else calling.deadline_s
        if messages:
            self._mark.sent()
        self._call = call = self._invoke(*messages, metadata=who, timeout=deadline)
        return call

    async def _stream(self, calling: Calling, sending: Outgoing, prompt: Prompt) -> None:
        if calling.told and prompt.conversation_id is None:
            self._hang_up()  # a new conversation
        call, messages, new = self._call, sending.messages, self._call is None
        if new:
            call = self._started(calling, prompt, "stream_stream")
            first = calling.opening(prompt)
            if self._tap is not None and first.messages:
                self._tap("sent", first.shown)
            messages = [*first.messages, *messages]
        try:
            for data in messages[:-1]:
                await call.write(data)
            self._mark.sent()
            await call.write(messages[-1])
            if not calling.kept:
                await call.done_writing()
        except asyncio.InvalidStateError:  # it is over already: reading tells how
            self._mark.sent()
        await self._read(calling, call)
        if self._call is None and not new and not self._heard:
            raise Lost("the server had ended the call")

    async def _read(self, calling: Calling, call: Any) -> None:
        """Read to the end of the reply.

        The call's metadata are not waited for: what the library has read ahead is lost when the connection breaks.
        """
        while (data := await call.read()) is not self._aio.EOF:
            if self._take(calling, data):
                return
            if self._slow_s:
                await asyncio.sleep(self._slow_s)
        self._call = None
        truncated = self._heard if calling.kept else calling.complete and not self._said.finish
        if truncated and not self._said.error:
            raise TargetFault(FaultKind.truncated, "the stream ended before its end", status=200)

    def _take(self, calling: Calling, data: bytes) -> bool:
        """Read a message; return whether it ends the reply before the call does."""
        at_ns, said, mark = self._mark.now(), self._said, self._mark
        if not self._heard:
            self._heard = True
            mark.byte(at_ns)
        said.grow(len(data), self._route.target.sizes.body)
        mark.event(at_ns)
        try:
            body = calling.method.decode(data)
        except ValueError as error:
            raise TargetFault(FaultKind.protocol, self._route.quote(str(error)), status=200) from None
        if self._tap is not None:
            self._tap("received", body + b"\n")
        read = calling.reader.event if calling.method.server_streaming else calling.reader.read
        try:
            found = read(body)
        except NotMapped as error:
            raise unreadable(self._route, read, body, error, 200) from None
        said.take(found, at_ns, mark)
        return bool(found.error) or _ends(calling, found, body)

    def listen(self, tap: Tap | None) -> None:
        """Let somebody hear the messages, as JSON."""
        self._tap = tap

    def slow(self, by_ns: int) -> None:
        """Read slowly."""
        self._slow_s = by_ns / NS_PER_S


def _ends(calling: Calling, found: Found, body: bytes) -> bool:
    if calling.ends:
        document = decode_any(body)
        return any(rule.holds(document) for rule in calling.ends)
    if not calling.kept:
        return False
    return bool(found.finish) or not calling.finishes
