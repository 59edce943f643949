"""The mock bot's HTTP server: inside a program with `serve`, as a process with `main`. Loopback only.

Which dialect answers at which path is in `routes`. Beside the chats there are lists of models, `/health`, `/stats`, `/oracle`,
`GET|PUT /behaviour` and `POST /reset`; see `control`.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address

from krawall.errors import Refused
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.connection import Connection
from krawall.mockbot.grpc import GrpcTls, serve_grpc
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.state import State

if sys.platform != "win32":
    import uvloop

_BACKLOG = 4096  # connections that the kernel holds before they are accepted


class Server:
    """A running mock bot. Lives as long as the `serve` block that made it."""

    def __init__(self, state: State, host: str, port: int, grpc_port: int | None = None) -> None:
        self._state = state
        self.port = port
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{port}"
        self.grpc_port = grpc_port
        self.grpc_url = f"grpc://{shown}:{grpc_port}" if grpc_port else ""

    @property
    def behaviour(self) -> Behaviour:
        """What it does now. Setting it starts its generators, queues, limit and freeze clock anew."""
        return self._state.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._state.behave(behaviour)

    def stats(self) -> dict[str, object]:
        """Return what `GET /stats` says."""
        return self._state.stats()

    def reset(self) -> None:
        """Do what `POST /reset` does."""
        self._state.reset()


@asynccontextmanager
async def serve(
    behaviour: Behaviour,
    host: str = "127.0.0.1",
    port: int = 0,
    grpc_port: int | None = None,
    grpc_tls: GrpcTls | None = None,
) -> AsyncIterator[Server]:
    """Serve on the running loop until the block ends; port 0 takes a free one. `grpc_port`: the same bot over gRPC as well.

    Raises Refused for a host that is not loopback, OSError when a port is taken, PluginError without the extra `grpc`.
    """
    address = _loopback(host)
    loop = asyncio.get_running_loop()
    state, pacer = State(behaviour), Pacer(loop)
    connections: set[Connection] = set()
    try:
        listener = await loop.create_server(
            lambda: Connection(state, pacer, connections), address, port, backlog=_BACKLOG
        )
        try:
            async with AsyncExitStack() as stack:
                if grpc_port is not None:
                    grpc_port = await stack.enter_async_context(serve_grpc(state, pacer, address, grpc_port, grpc_tls))
                yield Server(state, address, listener.sockets[0].getsockname()[1], grpc_port)
        finally:
            listener.close()
            for connection in list(connections):
                connection.abort()
            await listener.wait_closed()
    finally:
        pacer.close()


def main(
    port: int,
    behaviour: Behaviour,
    host: str = "127.0.0.1",
    ready: Callable[[Server], None] | None = None,
    grpc_port: int | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; blocks. `ready` is called once when connections are accepted. Raises as `serve`."""
    factory = uvloop.new_event_loop if sys.platform != "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_run(port, behaviour, host, ready, grpc_port))


async def _run(
    port: int, behaviour: Behaviour, host: str, ready: Callable[[Server], None] | None, grpc_port: int | None
) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(behaviour, host, port, grpc_port) as server:
        gc.freeze()  # what start-up made stays; collections look at replies only
        if ready:
            ready(server)
        await stop.wait()


def _loopback(host: str) -> str:
    """Return the address to listen on. Raises Refused unless it is loopback."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise Refused(f"the mock bot listens on loopback only, not on {host}", hint="leave the host out, or use 127.0.0.1")
