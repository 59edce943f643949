"""A server on a loopback port that answers by a script of raw bytes: tests of clients need one that does not keep the rules.

    async with hostile([read(), send(b"HTTP/1.1 200 OK\\r\\n"), reset()]) as server:
        ...  # talk to server.url()

The n-th connection plays the n-th script, later ones the last. After its last action a connection stays open and silent.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    head: bytes
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        lines = (line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return [value.strip() for known, _, value in lines if known.lower() == name]


@dataclass
class Hostile:
    """A running server: how to reach it, and what it has seen."""

    port: int = 0
    scheme: str = "http"
    connections: int = 0
    requests: list[Request] = field(default_factory=list)

    def url(self, path: str = "/v1/chat/completions", host: str = "127.0.0.1") -> str:
        """Return an address of the server."""
        return f"{self.scheme}://{host}:{self.port}{path}"


class Peer:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Hostile) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server

    async def write(self, data: bytes) -> None:
        """Write, and let whoever shares the event loop read before anything else is written."""
        self.writer.write(data)
        await self.writer.drain()
        for _ in range(3):
            await asyncio.sleep(0)


Action = Callable[[Peer], Awaitable[None]]


def read() -> Action:
    """Read a whole request, as its content-length says."""

    async def act(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        length = Request(head, b"").values("content-length")
        body = await peer.reader.readexactly(int(length[0])) if length else b""
        peer.server.requests.append(Request(head, body))

    return act


def read_head() -> Action:
    """Read the head of a request and leave its body."""

    async def act(peer: Peer) -> None:
        peer.server.requests.append(Request(await peer.reader.readuntil(b"\r\n\r\n"), b""))

    return act


def send(data: bytes) -> Action:
    """Write bytes."""

    async def act(peer: Peer) -> None:
        await peer.write(data)

    return act


def pieces(data: bytes, cuts: Sequence[int] | None = None) -> Action:
    """Write bytes cut at these positions, or each by itself; the reader gets every piece on its own."""

    async def act(peer: Peer) -> None:
        edges = sorted({0, len(data), *(range(len(data)) if cuts is None else cuts)})
        for start, end in itertools.pairwise(edges):
            await peer.write(data[start:end])

    return act


def endless(data: bytes) -> Action:
    """Write the same bytes again and again until the client hangs up."""

    async def act(peer: Peer) -> None:
        while not peer.writer.is_closing():
            await peer.write(data)

    return act


def wait(event: asyncio.Event) -> Action:
    """Wait for the test."""

    async def act(peer: Peer) -> None:
        await event.wait()

    return act


def tell(event: asyncio.Event) -> Action:
    """Let the test know."""

    async def act(peer: Peer) -> None:
        event.set()

    return act


def gone() -> Action:
    """Wait until the client has hung up."""

    async def act(peer: Peer) -> None:
        try:
            while await peer.reader.read(65_536):
                pass
        except ConnectionError:
            return

    return act


def close() -> Action:
    """Hang up in good order (FIN)."""

    async def act(peer: Peer) -> None:
        peer.writer.close()

    return act


def reset() -> Action:
    """Hang up without order (RST)."""

    async def act(peer: Peer) -> None:
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()

    return act


@asynccontextmanager
async def hostile(*scripts: Sequence[Action], tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    """Serve until the block is left; then every connection is cut. A client that hangs up ends its script."""
    server = Hostile(scheme="https" if tls else "http")
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Future[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        script = scripts[min(server.connections, len(scripts) - 1)]
        server.connections += 1
        tasks.append(asyncio.ensure_future(play(script, Peer(reader, writer, server))))

    async def play(script: Sequence[Action], peer: Peer) -> None:
        try:
            for action in script:
                await action(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
        for task in tasks:
            task.cancel()
        endings = await asyncio.gather(*tasks, return_exceptions=True)
    wrong = [error for error in endings if isinstance(error, Exception) and not isinstance(error, OSError)]
    if wrong:
        raise wrong[0]
