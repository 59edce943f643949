"""The connector `websocket`: messages over a connection that a user keeps (RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import blake2b
from random import Random
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from krawall.model.base import NS_PER_S, Document, Duration, format_duration
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Route
from krawall.net.gathering import Gathering, Manners, Rule
from krawall.net.redial import Reconnect, persist
from krawall.net.websocket import Socket, dial_websocket
from krawall.version import __version__
from krawall.wire.paths import parse_path
from krawall.wire.reply import Reader, compile_reply
from krawall.wire.request import compile_request

Scalar = str | int | float | bool


class Where(Document):
    """A message in which something stands at `path`; with `equals`, this."""

    path: str
    equals: Scalar | None = None

    def rule(self) -> Rule:
        """Return it compiled."""
        return Rule(parse_path(self.path), self.equals)


class Silence(Document):
    """The reply is over when nothing has come for so long."""

    silence: Duration


class Match(Document):
    """Where the id of a question stands in what is sent, and where in what comes back."""

    sent: str = Field(description="a key of the body; its value is set by Krawall")
    received: str = Field(description="the path of the same id in messages that belong to the reply")


class WebSocket(Connector):
    """Send a message over a connection that is kept, read the messages that come back."""

    schemes: ClassVar[tuple[str, ...]] = ("ws", "wss")
    kind: Literal["websocket"] = "websocket"
    frames: Literal["json", "text", "binary"] = Field(
        "json", description="the body as JSON, as bare text, or as JSON in a binary message"
    )
    subprotocols: list[str] = Field([], description="offered in the handshake; the server may choose one")
    opening: list[Any] = Field([], description="messages sent once after the handshake, in the words of `body`")
    greeting: Annotated[int, Field(ge=0, le=100)] = Field(
        0, description="messages that the server says first, before anything is asked"
    )
    match: Match | None = Field(None, description="only messages with the id of the question belong to the reply")
    ends: list[Where] | Where | Silence | None = Field(
        None, description="what ends a reply; without it, and without `reply.done`, a reply is one message"
    )
    ignore: list[Where] = Field([], description="messages that are no part of a reply, such as typing notices")
    reconnect: Reconnect | None = Field(
        None, description="try a connection that fails again; without it once a message"
    )
    ping: Duration = Field(0, description="ping when nothing has come for so long, and hang up without an answer")

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        route = Route(target, secrets, gate, session, timeouts, __version__, self.schemes)
        return nullcontext(WebSocketLine(self, route, session))

    def manners(self, target: Target) -> Manners:
        """Return how a server of these settings answers. Raises ValueError for what is no path."""
        ends = self.ends
        rules = [] if ends is None or isinstance(ends, Silence) else [ends] if isinstance(ends, Where) else ends
        done = target.reply.done
        return Manners(
            tuple(end.rule() for end in rules),
            done.encode() if done is not None else None,
            ends.silence if isinstance(ends, Silence) else 0,
            tuple(each.rule() for each in self.ignore),
            parse_path(self.match.received) if self.match else None,
        )


class WebSocketLine:
    """What users share: the route, the compiled messages and the reader."""

    def __init__(self, settings: WebSocket, route: Route, session: str) -> None:
        self.settings = settings
        self.route = route
        self.session = session
        target = route.target
        self.stamp = b""  # what stands for the id of a question in a compiled message
        if settings.match:
            mark = blake2b(session.encode(), digest_size=16).hexdigest()
            target = target.model_copy(update={"request": {**target.request, settings.match.sent: mark}})
            self.stamp = mark.encode()
        bare = settings.frames == "text"
        self.encode = compile_message(target, bare=bare)
        frames = [target.model_copy(update={"body": frame, "request": {}}) for frame in settings.opening]
        self.opening = [compile_message(frame, bare=bare and isinstance(frame.body, str)) for frame in frames]
        self.reader: Reader = compile_reply(target.reply)
        self.manners = settings.manners(target)
        self._users = 0

    def channel(self) -> Channel:
        """Return a user's channel; the order of users seeds their pauses."""
        self._users += 1
        return WebSocketChannel(self, Random(f"{self.session} {self._users}"))

    async def probe(self) -> None:
        """Connect once, without a handshake."""
        await self.route.probe()


def compile_message(target: Target, *, bare: bool) -> Callable[[Prompt], bytes]:
    """Return a function from a prompt to a message. `bare`: the text itself instead of JSON.

    Raises:
        ValueError: the body cannot be sent so.
    """
    if not bare:
        return compile_request(target)
    body = "$message" if target.body is None else target.body
    if not isinstance(body, str):
        raise ValueError(f"body: a text message is one text such as $message, not {body!r}")
    encode = compile_request(target.model_copy(update={"body": body}))
    decode = msgspec.json.Decoder(str).decode
    return lambda prompt: decode(encode(prompt)).encode()


class WebSocketChannel:
    """One user's connection: dialled when first needed, kept, dialled again when it is gone."""

    __slots__ = ("_asked", "_gathering", "_gone", "_line", "_random", "_slow_ns", "_socket", "_tap")

    def __init__(self, line: WebSocketLine, random: Random) -> None:
        self._line = line
        self._random = random
        self._gathering = Gathering(line.route, line.reader, line.manners)
        self._socket: Socket | None = None
        self._gone = asyncio.Event()
        self._asked = 0
        self._slow_ns = 0
        self._tap: Tap | None = None

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Send the message, gather the reply.

        When the server had closed a kept connection meanwhile, and no byte of a reply came, the message is sent once more.
        """
        gathering = self._gathering
        kept = self._socket is not None and self._asked > 0
        try:
            await self._ask(prompt, mark)
        except TargetFault as fault:
            await self._drop()
            if not kept or fault.fault.kind is not FaultKind.connect:
                raise gathering.failed(fault) from None
            await self._once_more(prompt, mark)
        except asyncio.CancelledError:
            self._cut()
            raise
        finally:
            gathering.forget()
        self._asked += 1
        return gathering.reply(mark)

    async def _once_more(self, prompt: Prompt, mark: Mark) -> None:
        try:
            await self._ask(prompt, mark)
        except TargetFault as fault:
            await self._drop()
            raise self._gathering.failed(fault) from None

    async def _ask(self, prompt: Prompt, mark: Mark) -> None:
        line, gathering = self._line, self._gathering
        socket = self._socket
        if socket is None or not socket.open:
            await self._drop()
            await persist(lambda: self._connect(prompt, mark), line.settings.reconnect, self._random, mark, self._gone)
            socket = self._socket
            if socket is None:
                raise TargetFault(FaultKind.connect, "the connection was closed before anything was sent")
            if named := gathering.conversation_id:  # by the greeting
                prompt = msgspec.structs.replace(prompt, conversation_id=named)
        question = ""
        message = line.encode(prompt)
        if line.stamp:
            question = f"{self._random.getrandbits(64):016x}"
            message = message.replace(line.stamp, question.encode(), 1)
        socket.slow_s = self._slow_ns / NS_PER_S
        reply = gathering.begin(mark, question)
        mark.sent()
        socket.send(message, binary=line.settings.frames == "binary")
        await reply

    async def _connect(self, prompt: Prompt, mark: Mark) -> None:
        """Dial, say what opens a connection, hear the greeting."""
        line, settings = self._line, self._line.settings
        self._socket = socket = Socket(line.route)
        self._asked = 0
        socket.tap = self._tap
        greeting = self._gathering.greet(settings.greeting)
        socket.attend(self._gathering)
        try:
            mark.dialled(await dial_websocket(line.route, socket, settings.subprotocols, prompt.extra, settings.ping))
            for encode in line.opening:
                socket.send(encode(prompt), binary=settings.frames == "binary")
            if settings.greeting:
                await self._greeted(greeting, mark)
        except TargetFault:
            await self._drop()
            raise

    async def _greeted(self, greeting: asyncio.Future[None], mark: Mark) -> None:
        began, patience_ns = mark.now(), self._line.route.connect_ns
        try:
            async with asyncio.timeout(patience_ns / NS_PER_S):
                await greeting
        except TimeoutError:
            raise TargetFault(FaultKind.connect, f"no greeting within {format_duration(patience_ns)}") from None
        mark.dialled(mark.now() - began)

    async def _drop(self) -> None:
        """Give the connection up. What picows has to say of its end is taken note of."""
        socket, self._socket = self._socket, None
        if socket:
            socket.hang_up()
            await socket.settle()

    def _cut(self) -> None:
        socket, self._socket = self._socket, None
        if socket:
            socket.hang_up()

    def listen(self, tap: Tap | None) -> None:
        """Let somebody hear the messages."""
        self._tap = tap
        if self._socket:
            self._socket.tap = tap

    def slow(self, by_ns: int) -> None:
        """Read slowly."""
        self._slow_ns = by_ns

    async def close(self) -> None:
        """Say goodbye; nothing dials any more for whoever still waits."""
        self._gone.set()
        socket, self._socket = self._socket, None
        if socket:
            await socket.close()
