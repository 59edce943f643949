"""A connection without a socket: what it writes is kept, what it receives is fed, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from krawall.net.http1 import Connection
from krawall.testing.virtual import VirtualLoop


def pytest_asyncio_loop_factories() -> dict[str, type[VirtualLoop]]:
    return {"virtual": VirtualLoop}


class Wire(asyncio.Transport):
    """A transport that keeps what is written. `backlog`: bytes that the peer has not taken yet."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.written = b""
        self.backlog = 0
        self.closed = ""
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.backlog

    def close(self) -> None:
        self._lose("closed")

    def abort(self) -> None:
        self._lose("aborted")

    def _lose(self, how: str) -> None:
        if not self.closed:
            self.closed = how
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@dataclass
class Collector:
    """A receiver that keeps what it is told. `last`: the body that makes the reply over."""

    last: bytes | None = None
    heads: list[tuple[int, dict[bytes, bytes]]] = field(default_factory=list)
    body: bytes = b""

    def on_byte(self, at_ns: int) -> None:
        """The first byte is of no interest here."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.heads.append((status, dict(headers)))

    def on_body(self, data: bytes, at_ns: int) -> bool:
        self.body += data
        return self.last is not None and self.body.endswith(self.last)


class Bench:
    """One connection, and exchanges on it."""

    def __init__(self, max_head: int = 65_536, max_body: int = 1_000_000) -> None:
        self.connection = Connection(asyncio.get_running_loop(), max_head, max_body)
        self.wire = Wire(self.connection)
        self.connection.connection_made(self.wire)

    async def exchange(
        self, *received: bytes, ending: Exception | str = "", receiver: Collector | None = None
    ) -> Collector:
        """Ask, receive these pieces, then lose the connection if `ending` says so ("eof", or an error)."""
        receiver = receiver or Collector()
        async with asyncio.timeout(20):
            asking = asyncio.ensure_future(self.connection.request(b"ask", receiver))
            await asyncio.sleep(0)
            for piece in received:
                self.connection.data_received(piece)
            if ending:
                self.connection.connection_lost(None if ending == "eof" else ending)  # type: ignore[arg-type]
            await asking
        return receiver


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    return Bench


@pytest.fixture(scope="session")
def collector() -> type[Collector]:
    return Collector
