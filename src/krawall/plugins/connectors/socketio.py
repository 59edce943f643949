"""The connector `socketio`: events over Socket.IO v5 on Engine.IO v4, always by WebSocket, so that addresses stay pinned.

Both protocols are spoken here, in a few lines: a packet is a digit, and what follows it
(https://github.com/socketio/engine.io-protocol, https://github.com/socketio/socket.io-protocol).
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field

from krawall.errors import DocumentError, Place
from krawall.model.base import Document
from krawall.model.connector import Channel, Connector, Gate, Line, Secrets
from krawall.model.exchange import FaultKind, Prompt, TargetFault, json_bytes
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Route
from krawall.net.gathering import Gathering, Manners
from krawall.net.keeping import KeptChannel
from krawall.net.redial import Reconnect
from krawall.net.websocket import Receiver, Socket
from krawall.version import __version__
from krawall.wire.reply import Reader, compile_reply
from krawall.wire.request import compile_request
from krawall.wire.rules import Silence, Where, rules_of

_EVENT = re.compile(rb"4([234])(\d+-)?(/[^,\[{]*,)?(\d*)(.*)", re.DOTALL)  # kind, attachments, namespace, id, data
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class OnEvent(Document):
    """An event of this name."""

    event: str


class SocketIo(Connector):
    """Emit an event, read the events that come back."""

    schemes: ClassVar[tuple[str, ...]] = ("ws", "wss")
    kind: Literal["socketio"] = "socketio"
    emit: str = Field(
        "message", description="the event that carries the body; a body that is a list is several arguments"
    )
    receive: list[str] = Field(["message"], description="events whose first argument is a part of the reply")
    ack: bool = Field(False, description="ask for an acknowledgement; it is the reply, or its end")
    namespace: str = Field("/", pattern=r"^/[^,?\s]*$")
    auth: dict[str, Any] = Field(
        {}, description="sent when the namespace is entered; `$bearer` stands for the bearer of the target's auth"
    )
    ends: list[Where | OnEvent] | Where | OnEvent | Silence | None = Field(
        None, description="what ends a reply; without it, and without `ack`, a reply is one event"
    )
    ignore: list[Where] = Field([], description="events that are no part of a reply")
    reconnect: Reconnect | None = Field(
        None, description="try a connection that fails again; without it once a message"
    )

    def planned(self, target: Target, folder: Path | None) -> Self:
        """Return the settings. Raises DocumentError for a path that is none."""
        try:
            self.manners(target)
        except ValueError as error:
            raise DocumentError("target", [Place("target.options", str(error))]) from None
        return self

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        route = Route(target, secrets, gate, session, timeouts, __version__, self.schemes)
        route.path = at_endpoint(route.path)
        bearer = target.auth.bearer if target.auth else None
        return nullcontext(SocketIoLine(self, route, session, secrets.resolve(bearer) if bearer else ""))

    def last_events(self) -> frozenset[str]:
        """Return the names of events that end a reply."""
        ends = self.ends if isinstance(self.ends, list) else [self.ends]
        return frozenset(end.event for end in ends if isinstance(end, OnEvent))

    def manners(self, target: Target) -> Manners:
        """Return how a server of these settings answers. Raises ValueError for what is no path."""
        done = target.reply.done
        return Manners(
            rules_of(self.ends),
            done.encode() if done is not None else None,
            self.ends.silence if isinstance(self.ends, Silence) else 0,
            rules_of(self.ignore),
            told=self.ack or bool(self.last_events()),
        )


def at_endpoint(path: str) -> str:
    """Return the path and query of a Socket.IO endpoint; a bare host has it at /socket.io/."""
    place, _, query = path.partition("?")
    given = [query] if query else []
    return f"{'/socket.io/' if place == '/' else place}?{'&'.join([*given, 'EIO=4', 'transport=websocket'])}"


class SocketIoLine:
    """What users share: the route, the compiled event and the reader."""

    binary = False
    subprotocols: list[str] = []
    ping_ns = 0  # Engine.IO has pings of its own
    greeting = 0

    def __init__(self, settings: SocketIo, route: Route, session: str, bearer: str) -> None:
        self.route = route
        self.settings = settings
        self.reconnect = settings.reconnect
        self.reader: Reader = compile_reply(route.target.reply)
        self.manners = settings.manners(route.target)
        self.place = b"" if settings.namespace == "/" else settings.namespace.encode() + b","
        self.last = settings.last_events()
        self.events = frozenset(settings.receive) | self.last
        self.bare = route.target.reply.format == "text"
        auth = {name: bearer if value == "$bearer" else value for name, value in settings.auth.items()}
        self.entry = b"40" + self.place + (json_bytes(auth) if auth else b"")
        self._encode = compile_request(route.target)
        self._several = isinstance(route.target.body, list)
        self._start = b"42" + self.place + (b"0" if settings.ack else b"") + b"[" + json_bytes(settings.emit) + b","
        self._session = session
        self._users = 0

    def channel(self) -> Channel:
        """Return a user's channel; the order of users seeds their pauses."""
        self._users += 1
        return KeptChannel(self, Random(f"{self._session} {self._users}"))

    def receiver(self, gathering: Gathering, socket: Socket) -> Receiver:
        """Packets are taken apart."""
        return Packets(self, gathering, socket)

    async def introduce(
        self, receiver: Receiver, socket: Socket, prompt: Prompt, greeted: asyncio.Future[None]
    ) -> None:
        """Wait until the namespace is entered."""
        if isinstance(receiver, Packets):
            await receiver.entered

    def encode(self, prompt: Prompt, question: str) -> bytes:
        """Return the event."""
        body = self._encode(prompt)
        return self._start + (body[1:] if self._several else body + b"]")

    async def probe(self) -> None:
        """Connect once, without a handshake."""
        await self.route.probe()


class Packets:
    """Takes the packets of one connection apart; events that belong to replies go to the gathering."""

    def __init__(self, line: SocketIoLine, gathering: Gathering, socket: Socket) -> None:
        self._line = line
        self._gathering = gathering
        self._socket = socket
        self.entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_byte(self, at_ns: int) -> None:
        """A large packet begins."""
        self._gathering.on_byte(at_ns)

    def on_gone(self, fault: TargetFault) -> None:
        """The connection is gone."""
        if not self.entered.done():
            self.entered.set_exception(fault)
        self._gathering.on_gone(fault)

    def on_message(self, data: bytes, at_ns: int, *, binary: bool) -> None:
        """Read a packet."""
        if binary:
            return  # an attachment of an event; texts have none
        kind = data[:1]
        if kind == b"2":
            self._socket.send(b"3" + data[1:], binary=False)
        elif kind == b"0":
            self._socket.send(self._line.entry, binary=False)
        elif kind == b"1":
            raise TargetFault(FaultKind.truncated, "the server closed the connection in mid-reply")
        elif kind == b"4":
            self._packet(data, at_ns)
        elif kind not in (b"3", b"6"):
            raise TargetFault(
                FaultKind.protocol,
                f"not an Engine.IO packet: {self._line.route.quote(data[:80].decode(errors='replace'))}",
            )

    def _packet(self, data: bytes, at_ns: int) -> None:
        kind = data[1:2]
        if kind == b"0":
            if not self.entered.done():
                self.entered.set_result(None)
        elif kind == b"1":
            raise TargetFault(FaultKind.truncated, "the server ended the conversation in mid-reply")
        elif kind in (b"2", b"3"):
            self._event(data, at_ns)
        elif kind == b"4" and data[2:].startswith(self._line.place or b"{"):
            said = self._line.route.quote(data[2:].removeprefix(self._line.place).decode(errors="replace"))
            raise TargetFault(FaultKind.rejected, f"the server does not let us in: {said}")

    def _event(self, data: bytes, at_ns: int) -> None:
        """Hand on the first argument of an event that belongs to a reply, or of an acknowledgement."""
        found = _EVENT.fullmatch(data)
        try:
            values = _split(found[5]) if found else []
        except (msgspec.DecodeError, UnicodeDecodeError):
            values = []
        if found is None or (found[3] or b"") != self._line.place:
            return
        acknowledged = found[1] == b"3"
        if not acknowledged:
            if not values:
                raise TargetFault(FaultKind.protocol, "an event without a name")
            name = msgspec.json.decode(values[0])
            if name not in self._line.events:
                return
            values = values[1:]
        elif not self._line.settings.ack:
            return
        first = bytes(values[0]) if values else b"null"
        if self._line.bare and first.startswith(b'"'):
            first = msgspec.json.decode(first, type=str).encode()
        last = acknowledged or name in self._line.last
        self._gathering.on_message(first, at_ns, binary=False, last=last)
