"""One user's connection that is kept: dialled when first needed, dialled again when it is gone, one question at a time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Protocol

import msgspec

from krawall.model.base import NS_PER_S, format_duration
from krawall.model.connector import Mark, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault
from krawall.net.caller import Route
from krawall.net.gathering import Gathering, Manners
from krawall.net.redial import Reconnect, persist
from krawall.net.websocket import Receiver, Socket, dial_websocket
from krawall.wire.reply import Reader


class Speech(Protocol):
    """What a protocol says over a WebSocket; shared by all users of a target."""

    route: Route
    reader: Reader
    manners: Manners
    binary: bool
    subprotocols: list[str]
    reconnect: Reconnect | None
    ping_ns: int
    greeting: int

    def receiver(self, gathering: Gathering, socket: Socket) -> Receiver:
        """Return who reads the messages of a new connection and hands on those that belong to replies."""
        ...

    async def introduce(
        self, receiver: Receiver, socket: Socket, prompt: Prompt, greeted: asyncio.Future[None]
    ) -> None:
        """Say and hear what opens a connection, after its handshake; `greeted` is done after `greeting` messages.

        Raises:
            TargetFault: the server does not want us.
        """
        ...

    def encode(self, prompt: Prompt, question: str) -> bytes:
        """Return the message that asks; `question` is its id."""
        ...


class KeptChannel:
    """One user's connection: dialled when first needed, kept, dialled again when it is gone."""

    __slots__ = ("_asked", "_gathering", "_gone", "_random", "_slow_ns", "_socket", "_speech", "_tap")

    def __init__(self, speech: Speech, random: Random) -> None:
        self._speech = speech
        self._random = random
        self._gathering = Gathering(speech.route, speech.reader, speech.manners)
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
        kept = self._socket is not None and self._socket.open and self._asked > 0
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
        speech, gathering = self._speech, self._gathering
        socket = self._socket
        if socket is None or not socket.open:
            await self._drop()
            await persist(lambda: self._connect(prompt, mark), speech.reconnect, self._random, mark, self._gone)
            socket = self._socket
            if socket is None:
                raise TargetFault(FaultKind.connect, "the connection was closed before anything was sent")
            if named := gathering.conversation_id:  # by the greeting
                prompt = msgspec.structs.replace(prompt, conversation_id=named)
        question = f"{self._random.getrandbits(64):016x}" if speech.manners.match else ""
        message = speech.encode(prompt, question)
        socket.slow_s = self._slow_ns / NS_PER_S
        reply = gathering.begin(mark, question)
        mark.sent()
        socket.send(message, binary=speech.binary)
        await reply

    async def _connect(self, prompt: Prompt, mark: Mark) -> None:
        """Dial, and say and hear what opens a connection."""
        speech, gathering = self._speech, self._gathering
        self._socket = socket = Socket(speech.route)
        self._asked = 0
        socket.tap = self._tap
        receiver = speech.receiver(gathering, socket)
        greeted = gathering.greet(speech.greeting)  # before the handshake: its answer may bring the greeting along
        socket.attend(receiver)
        try:
            mark.dialled(await dial_websocket(speech.route, socket, speech.subprotocols, prompt.extra, speech.ping_ns))
            began = mark.now()
            await self._introduce(receiver, socket, prompt, greeted)
            mark.dialled(mark.now() - began)
        except TargetFault:
            await self._drop()
            raise

    async def _introduce(
        self, receiver: Receiver, socket: Socket, prompt: Prompt, greeted: asyncio.Future[None]
    ) -> None:
        patience_ns = self._speech.route.connect_ns
        try:
            async with asyncio.timeout(patience_ns / NS_PER_S):
                await self._speech.introduce(receiver, socket, prompt, greeted)
        except TimeoutError:
            raise TargetFault(FaultKind.connect, f"no greeting within {format_duration(patience_ns)}") from None

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
