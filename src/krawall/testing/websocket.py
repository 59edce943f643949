"""A WebSocket server as raw bytes (RFC 6455), for scripts of a hostile server. Well-formed unless asked otherwise."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from krawall.model.exchange import json_bytes
from krawall.testing import replies
from krawall.testing.asking import target_of
from krawall.testing.contracts.connector import Scene, Stage
from krawall.testing.hostile import Action, Peer, gone, hostile


def frame(data: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """Return a server's frame (section 5.2)."""
    size = len(data)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2) if size < 65536 else b"\x7f" + size.to_bytes(8)
    return bytes([fin << 7 | opcode]) + length + data


def says(*messages: object) -> bytes:
    """Return messages of JSON, a frame each."""
    return b"".join(frame(json_bytes(message)) for message in messages)


def upgrade() -> Action:
    """Take the handshake that was read."""

    async def act(peer: Peer) -> None:
        key = peer.server.requests[-1].values("sec-websocket-key")[0]
        digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
        accept = base64.b64encode(digest).decode()
        await peer.write(replies.head(101, upgrade="websocket", connection="Upgrade", sec_websocket_accept=accept))

    return act


def hear(heard: list[bytes]) -> Action:
    """Read one message; keep it behind the handshake that it came under. A goodbye ends the script."""

    async def act(peer: Peer) -> None:
        first, second = await peer.reader.readexactly(2)
        if first == 0x88:
            raise ConnectionError("the client said goodbye")
        assert first == 0x81
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await peer.reader.readexactly(2))
        mask = await peer.reader.readexactly(4)
        data = await peer.reader.readexactly(size)
        heard.append(peer.server.requests[-1].head + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    return act


def socket_stage(
    connector: str,
    script: Callable[[str, str, list[bytes]], list[Action]],
    secrets: Mapping[str, str],
    tls: tuple[ssl.SSLContext, Path] | None = None,
    **fields: Any,
) -> Stage:
    """Return the stage of a connector over WebSocket, for the suite of every connector.

    Args:
        connector: its kind.
        script: (how the server behaves, address of another host, list to keep what it heard in) -> what it does.
        secrets: what the target's references stand for; its bearer is `${BOT_KEY}`.
        tls: context of the server, and file of the authority that vouches for it; None: without TLS.
        fields: further fields of the target.
    """

    @asynccontextmanager
    async def stage(how: str) -> AsyncIterator[Scene]:
        heard: list[bytes] = []
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(hostile([gone()]))
            acts = script("good" if how == "absent" else how, other.url(), heard)
            server = await stack.enter_async_context(hostile(acts, tls=tls[0] if tls else None))
            if how == "absent":
                await stack.aclose()
            url = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.port}/chat"
            trusted = {"ca_file": str(tls[1])} if tls else {}
            target = target_of(connector=connector, url=url, auth={"bearer": "${BOT_KEY}"}, **trusted, **fields)
            yield Scene(
                target,
                secrets,
                lambda: heard or [request.head for request in server.requests if how == "rejecting"],
                lambda: other.connections,
            )

    return stage
