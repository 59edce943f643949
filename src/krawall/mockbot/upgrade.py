"""From HTTP to WebSocket: which paths speak it, what a handshake must have, and what other requests there are told."""

from __future__ import annotations

import asyncio

from krawall.mockbot import simple, socketio, websocket
from krawall.mockbot.chat import Request, authorized
from krawall.mockbot.control import Page
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.state import State
from krawall.mockbot.websocket import Talk

TALKS = {websocket.PATH: websocket.talk, socketio.PATH: socketio.talk}
KEY_LATER = frozenset({socketio.PATH})  # where the key may come after the handshake


def wants_websocket(path: str, method: bytes, headers: dict[bytes, bytes]) -> bool:
    """Say whether this is a handshake (RFC 6455 section 4.2.1) at a path where WebSocket is spoken."""
    return (
        path in TALKS
        and method == b"GET"
        and headers.get(b"upgrade", b"").lower() == b"websocket"
        and headers.get(b"sec-websocket-version") == b"13"
        and bool(headers.get(b"sec-websocket-key"))
    )


def talk_at(path: str, transport: asyncio.Transport, state: State, pacer: Pacer, opened: Request) -> Talk:
    """Return what speaks on a connection from now on."""
    return TALKS[path](transport, state, pacer, opened)


def no_handshake(state: State, request: Request) -> Page:
    """Return the answer to a request that did not become a WebSocket."""
    if not authorized(state.behaviour.api_key, request, simple.KEYS):
        return Page(simple.error(401, "the API key is missing or wrong"), 401)
    more = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    return Page(simple.error(426, "this path speaks WebSocket, version 13"), 426, more=more)
