"""The connector `websocket`: messages over a connection that a user keeps (RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field

from krawall.errors import DocumentError, Place
from krawall.model.base import Document, Duration
from krawall.model.connector import Channel, Connector, Gate, Line, Secrets
from krawall.model.exchange import Prompt
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Route
from krawall.net.gathering import Gathering, Manners
from krawall.net.keeping import KeptChannel
from krawall.net.redial import Reconnect
from krawall.net.websocket import Receiver, Socket
from krawall.version import __version__
from krawall.wire.paths import parse_path
from krawall.wire.reply import Reader, compile_reply
from krawall.wire.request import compile_request
from krawall.wire.rules import Silence, Where, rules_of


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

    def planned(self, target: Target, folder: Path | None) -> Self:
        """Return the settings. Raises DocumentError for a message or a path that cannot be compiled."""
        try:
            Messages(self, target, "planned")
            self.manners(target)
        except ValueError as error:
            raise DocumentError("target", [Place("target.options", str(error))]) from None
        return self

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        route = Route(target, secrets, gate, session, timeouts, __version__, self.schemes)
        return nullcontext(WebSocketLine(self, route, session))

    def manners(self, target: Target) -> Manners:
        """Return how a server of these settings answers. Raises ValueError for what is no path."""
        ends = self.ends
        done = target.reply.done
        return Manners(
            rules_of(ends),
            done.encode() if done is not None else None,
            ends.silence if isinstance(ends, Silence) else 0,
            rules_of(self.ignore),
            parse_path(self.match.received) if self.match else None,
        )


class Messages:
    """The messages of a target, compiled; raises ValueError where one cannot be."""

    def __init__(self, settings: WebSocket, target: Target, session: str) -> None:
        self._stamp = b""  # what stands for the id of a question
        bare = settings.frames == "text"
        frames = [target.model_copy(update={"body": frame, "request": {}}) for frame in settings.opening]
        self.opening = [compile_message(frame, bare=bare and isinstance(frame.body, str)) for frame in frames]
        if settings.match:
            stamp = blake2b(session.encode(), digest_size=16).hexdigest()
            target = target.model_copy(update={"request": {**target.request, settings.match.sent: stamp}})
            self._stamp = stamp.encode()
        self._encode = compile_message(target, bare=bare)

    def encode(self, prompt: Prompt, question: str) -> bytes:
        """Return the body with the id of the question in it."""
        message = self._encode(prompt)
        return message.replace(self._stamp, question.encode(), 1) if question else message


class WebSocketLine:
    """What users share: the route, the compiled messages and the reader."""

    def __init__(self, settings: WebSocket, route: Route, session: str) -> None:
        self._settings = settings
        self._session = session
        self.route = route
        self.binary = settings.frames == "binary"
        self.subprotocols = settings.subprotocols
        self.reconnect = settings.reconnect
        self.ping_ns = settings.ping
        self.greeting = settings.greeting
        self._messages = Messages(settings, route.target, session)
        self.reader: Reader = compile_reply(route.target.reply)
        self.manners = settings.manners(route.target)
        self._users = 0

    def channel(self) -> Channel:
        """Return a user's channel; the order of users seeds their pauses."""
        self._users += 1
        return KeptChannel(self, Random(f"{self._session} {self._users}"))

    def receiver(self, gathering: Gathering, socket: Socket) -> Receiver:
        """Every message may belong to a reply."""
        return gathering

    async def introduce(
        self, receiver: Receiver, socket: Socket, prompt: Prompt, greeted: asyncio.Future[None]
    ) -> None:
        """Say the opening, hear the greeting."""
        for encode in self._messages.opening:
            socket.send(encode(prompt), binary=self.binary)
        await greeted

    def encode(self, prompt: Prompt, question: str) -> bytes:
        """Return the body with the id of the question in it."""
        return self._messages.encode(prompt, question)

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
