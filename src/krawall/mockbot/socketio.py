"""Chats over Socket.IO at `/socket.io/` (Socket.IO v5 on Engine.IO v4), by WebSocket from the start; there is no long-polling.

The event `message` carries a message of `/ws`; its answer comes as events `delta`, `done`, `reply` and `error` with the same fields.
A message that asks for an acknowledgement gets its reply, done or error as that. Namespaces are all alike. With an API key set a
namespace is entered with {"token": KEY}, unless the handshake has the key.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from hmac import compare_digest

import msgspec

from krawall.mockbot.chat import Request, authorized
from krawall.mockbot.frames import frame, goodbye
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.simple import KEYS
from krawall.mockbot.state import State
from krawall.mockbot.websocket import Answers, Pack, Talk

PATH = "/socket.io/"
_EVENT = re.compile(rb"2(/[^,\[]*,)?(\d*)(\[.*)", re.DOTALL)  # namespace, id of an acknowledgement, data
_PLACE = re.compile(rb"[01](/[^,]*,?)?(.*)", re.DOTALL)
_TYPE = re.compile(rb'\{"type":"([a-z]+)",?')
_PING_MS = 25_000
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Packets:
    """One client. Engine.IO opens, then namespaces are entered, then events come."""

    def __init__(self, transport: asyncio.Transport, state: State, answers: Answers, opened: Request) -> None:
        self._transport = transport
        self._api_key = state.behaviour.api_key
        self._known = authorized(self._api_key, opened, KEYS)
        self._answers = answers
        self._entered: set[bytes] = set()
        self._sid = f"s{id(self):x}"
        opening = {
            "sid": self._sid,
            "upgrades": [],
            "pingInterval": _PING_MS,
            "pingTimeout": _PING_MS,
            "maxPayload": 10**7,
        }
        self._timer = asyncio.get_running_loop().call_later(_PING_MS / 1000, self._ping)
        self._say(b"0" + _encode(opening))

    def hear(self, data: bytes, received_ns: int) -> None:
        """Read a packet (the digit of Engine.IO, then that of Socket.IO)."""
        kind = data[:2]
        if kind == b"40":
            self._enter(data[1:])
        elif kind == b"41" and (left := _PLACE.fullmatch(data[1:])):
            self._entered.discard((left[1] or b"").rstrip(b","))
        elif kind == b"42" and (event := _EVENT.fullmatch(data[1:])):
            self._event(event, received_ns)
        elif data[:1] == b"1":
            self.lost()
            self._transport.close()
        elif data[:1] == b"2":
            self._say(b"3" + data[1:])
        elif data[:1] != b"3":
            self._transport.write(goodbye(1002, "no packet of Socket.IO"))
            self._transport.close()

    def lost(self) -> None:
        """The client is gone."""
        self._timer.cancel()

    def _ping(self) -> None:
        self._say(b"2")
        self._timer = asyncio.get_running_loop().call_later(_PING_MS / 1000, self._ping)

    def _say(self, packet: bytes) -> None:
        self._transport.write(frame(packet))

    def _enter(self, packet: bytes) -> None:
        found = _PLACE.fullmatch(packet)
        place = (found[1] or b"").rstrip(b",") if found else b""
        start = place + b"," if place else b""
        if not (self._known or self._has_key(found[2] if found else b"")):
            self._say(b"44%s%s" % (start, _encode({"message": "the API key is missing or wrong"})))
            return
        self._entered.add(place)
        self._say(b"40%s%s" % (start, _encode({"sid": self._sid})))

    def _has_key(self, auth: bytes) -> bool:
        try:
            given = msgspec.json.decode(auth, type=dict[str, str]).get("token", "")
        except msgspec.MsgspecError:
            return False
        return compare_digest(given.encode(), self._api_key.encode())

    def _event(self, event: re.Match[bytes], received_ns: int) -> None:
        start = event[1] or b""
        try:
            name, *values = _split(event[3])
        except (msgspec.MsgspecError, ValueError):
            return
        if start.rstrip(b",") not in self._entered or bytes(name) != b'"message"' or not values:
            return
        body = bytes(values[0])
        self._answers.say(body, received_ns, packing(start, event[2]))


def packing(start: bytes, ack: bytes) -> Pack:
    """Return what turns an answer into a packet; `start` names the namespace, `ack` is the id of an acknowledgement or empty."""
    return partial(_packed, start, ack)


def _packed(start: bytes, ack: bytes, message: bytes) -> bytes:
    found = _TYPE.match(message)
    kind = found[1] if found else b"message"
    if ack and kind != b"delta":
        return frame(b"43%s%s[%s]" % (start, ack, message))
    return frame(b'42%s["%s",%s]' % (start, kind, message))


def talk(transport: asyncio.Transport, state: State, pacer: Pacer, opened: Request) -> Talk:
    """Return the protocol of a connection at `/socket.io/`."""
    answers = Answers(transport, state, pacer, opened)
    packets = Packets(transport, state, answers, opened)
    return Talk(transport, packets.hear, answers, packets.lost)
