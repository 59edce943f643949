"""Replies that come on a stream of their own: one GET listens for a user's whole life, each message is sent by a request beside it."""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from krawall.model.connector import Mark, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.net.caller import OURS, Caller, Route, status_fault, words_of
from krawall.net.gathering import Gathering, Manners
from krawall.net.http1 import Closed, Connection
from krawall.net.whole import Whole
from krawall.wire.reply import Reader
from krawall.wire.sse import EventParser

USER = "{user}"
"""Stands in an address for an id that each user has."""


@dataclass(frozen=True)
class Listening:
    """How a server is listened to. `path` and `send` may hold `USER`; `send` is the target's own path where it is empty.

    `greeting` events come before anything is asked; `last` is the name of the event that ends a reply.
    """

    path: str
    send: str
    greeting: int
    last: str
    manners: Manners


class ListeningChannel:
    """One user's stream and the connection that sends."""

    def __init__(
        self, route: Route, encode: Callable[[Prompt], bytes], reader: Reader, listening: Listening, user: str
    ) -> None:
        self._route = copy.copy(route)
        self._reader = reader
        self._listening = listening
        self._path = listening.path.replace(USER, user)
        if listening.send:
            send = listening.send.replace(USER, user)
            self._route.head = route.head_of(route.target.method, send) + b"content-length: "
        self._caller = Caller(self._route, encode)
        self._gathering = Gathering(route, reader, listening.manners)
        self._stream: Stream | None = None
        self._tap: Tap | None = None
        self._slow_ns = 0

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Listen if nobody does, send, gather the events of the reply.

        Raises:
            TargetFault: there is no listening, no sending, or no whole reply.
        """
        try:
            if self._stream is None or not self._stream.open:
                await self._listen(prompt, mark)
            future = self._gathering.begin(mark, "")
            try:
                await self._send(prompt, mark)
                await future
            finally:
                self._gathering.forget()
        except asyncio.CancelledError:
            self._hang_up()  # what is still to come would be taken for the next reply
            raise
        except TargetFault as fault:
            self._hang_up()
            raise self._gathering.failed(fault) from None
        reply = self._gathering.reply(mark)
        return Reply(reply.text, 200, reply.usage, reply.finish, reply.conversation_id)

    async def _listen(self, prompt: Prompt, mark: Mark) -> None:
        connection, took = await self._route.connect(sys.maxsize)  # a stream has no end; each reply has its bound
        mark.dialled(took)
        connection.slow_s = self._slow_ns / 1e9
        extra = "".join(f"{name}: {value}\r\n" for name, value in prompt.extra.items() if name not in OURS).encode(
            "latin-1"
        )
        greeted = self._gathering.greet(self._listening.greeting)
        self._stream = Stream(self._route, self._reader, self._gathering, connection, self._listening.last)
        self._stream.tap = self._tap
        await self._stream.begin(self._route.head_of("GET", self._path) + extra + b"\r\n")
        await greeted

    async def _send(self, prompt: Prompt, mark: Mark) -> None:
        answer = Whole()
        try:
            await self._caller.call(prompt, mark, answer)
        except Closed as closed:
            await self._caller.again(closed, mark, answer)
        if not 200 <= answer.status < 300:
            words = words_of(self._route, self._reader, b"".join(answer.parts))
            raise status_fault(self._route, answer.status, answer.headers, words)

    def slow(self, by_ns: int) -> None:
        """Read slowly."""
        self._slow_ns = by_ns
        if self._stream is not None:
            self._stream.connection.slow_s = by_ns / 1e9

    def listen(self, tap: Tap | None) -> None:
        """Let somebody hear what is sent and what comes on the stream."""
        self._tap = self._caller.tap = tap
        if self._stream is not None:
            self._stream.tap = tap

    def _hang_up(self) -> None:
        self._caller.hang_up()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def close(self) -> None:
        """Hang up."""
        self._hang_up()


class Stream:
    """The listening half: turns bytes into events for who gathers them. `open` until the server or we end it."""

    def __init__(self, route: Route, reader: Reader, gathering: Gathering, connection: Connection, last: str) -> None:
        self.connection = connection
        self.tap: Tap | None = None
        self.open = False
        self._route = route
        self._reader = reader
        self._gathering = gathering
        self._last = last
        self._parser = EventParser(route.target.sizes.event)
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._plain: list[bytes] | None = None
        self._begun: asyncio.Future[None] | None = None

    async def begin(self, payload: bytes) -> None:
        """Ask, and return once the stream has begun.

        Raises:
            TargetFault: it does not begin.
        """
        self._begun = asyncio.get_running_loop().create_future()
        over = self.connection.request(payload, self)
        over.add_done_callback(self._ended)
        await self._begun

    def close(self) -> None:
        """Hang up."""
        self.open = False
        self.connection.abort()

    # What the connection calls ----------------------------------------------------------------------

    def on_byte(self, at_ns: int) -> None:
        """The first byte of the stream is of no reply."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """A stream begins, or a reply that is none."""
        self._status, self._headers = status, headers
        if 200 <= status < 300 and b"json" not in headers.get(b"content-type", b""):
            self.open = True
            if self._begun is not None and not self._begun.done():
                self._begun.set_result(None)
        else:
            self._plain = []

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Read events as they come."""
        if self._plain is not None:
            self._plain.append(data)
            return False
        if self.tap is not None:
            self.tap("received", data)
        try:
            for event in self._parser.feed(data):
                self._gathering.on_message(event.data, at_ns, binary=False, last=event.event == self._last)
        except ValueError as error:
            raise TargetFault(FaultKind.protocol, str(error)) from None
        return False

    def _ended(self, over: asyncio.Future[None]) -> None:
        self.open = False
        fault: BaseException | None = None
        with suppress(asyncio.CancelledError):
            fault = over.exception()
        if self._plain is not None:
            words = words_of(self._route, self._reader, b"".join(self._plain))
            fault = status_fault(self._route, self._status, self._headers, words)
        if isinstance(fault, Closed):
            fault = TargetFault(FaultKind.connect, str(fault))
        if fault is None:
            fault = TargetFault(FaultKind.truncated, "the stream ended in mid-reply")
        if self._begun is not None and not self._begun.done():
            self._begun.set_exception(fault)
        elif isinstance(fault, TargetFault):
            self._gathering.on_gone(fault)
