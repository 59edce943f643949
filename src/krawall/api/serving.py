"""Serves the API on a socket in the loop of its caller: ready at once, over in order. The only module that knows uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Generator

import uvicorn
from fastapi import FastAPI

from krawall.app import App

GRACE_S = 5
"""How long requests under way may take once the server ends. Streams end before that: the app's `closing` tells them."""

KEEP_ALIVE_S = 75
"""Longer than proxies keep an idle connection, so that none is closed just when one is used again."""


class _Server(uvicorn.Server):
    """Leaves signals to its caller and tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: App,
    api: FastAPI,
    listening: socket.socket,
    *,
    stop: asyncio.Event,
    now: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Serve an API, with or without pages, on a bound socket until `stop` is set: streams end, requests under way may finish.

    `now`: they may not. `ready` is called when the first request can be made.
    """
    proxies = app.settings.proxies
    config = uvicorn.Config(
        api,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # what it says at start and end, we say ourselves
    server = _Server(config, ready)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(server, app, stop, now))
        await server.serve([listening])
        watching.cancel()


async def _watch(server: _Server, app: App, stop: asyncio.Event, now: asyncio.Event) -> None:
    await stop.wait()
    app.closing.set()
    server.should_exit = True
    await now.wait()
    server.force_exit = True
