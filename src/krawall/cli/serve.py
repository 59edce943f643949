"""`krawall serve`: the API and a worker, until Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from krawall import logs, web
from krawall.api.app import make_api
from krawall.api.serving import serve as serve_api
from krawall.app import App
from krawall.cli.installation import environment_of, installation
from krawall.cli.keeper import Keeper
from krawall.cli.places import Data, Url
from krawall.cli.signals import Ending
from krawall.errors import Conflict, KrawallError, Unavailable
from krawall.services.accounts import needs_account
from krawall.settings import Settings, read_settings


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    worker: bool | None = None,
    engines: int | None = None,
    public_url: str | None = None,
    data: Data = None,
    database: Url = None,
    redis: Url = None,
    archive: Url = None,
) -> None:
    """Serve the API until Ctrl-C, with a worker that plays sessions. What is not given comes from KRAWALL_* or krawall.toml.

    Parameters
    ----------
    host
        Address to listen on; default 127.0.0.1. Any other demands an account: `krawall users create`.
    port
        Port to listen on; default 8600; 0 takes a free one.
    worker
        Whether to start a worker; default yes.
    engines
        How many engine processes the worker has at once; default one per core.
    public_url
        How browsers reach the server, when a proxy stands before it.
    data
        Directory of the database, the queue, the archive and the keys; default ~/.krawall.
    database
        postgresql://... or sqlite:///FILE; default a file in the data directory.
    redis
        redis://, rediss:// or unix://; default a server of our own in the data directory.
    archive
        file:///DIR, s3://BUCKET/PREFIX, gs:// or az://; default in the data directory.
    """
    settings = read_settings(
        host=host, port=port, worker=worker, engines=engines, public_url=public_url,
        data=data, database=database, redis=redis, archive=archive,
    )  # fmt: skip
    logs.configure(settings.log_format, settings.log_level)
    with bound(settings.host, settings.port) as listening:
        run(_serve(settings, listening))


async def _serve(settings: Settings, listening: socket.socket) -> None:
    ending = Ending(lambda: _say("stopping in order; once more stops at once"))
    async with installation(settings) as app:
        await _guard(app, settings)
        ending.opened()
        keeper = Keeper(settings.home, environment_of(settings), _say)
        async with asyncio.TaskGroup() as group:

            def ready() -> None:
                sys.stdout.write(f"krawall serves on {url_of(settings.host, listening)}  (data: {settings.home})\n")
                sys.stdout.flush()
                if settings.worker:
                    group.create_task(keeper.keep(ending.stop, ending.now))

            api = web.mount(make_api(app, app.tracing))
            await serve_api(app, api, listening, stop=ending.stop, now=ending.now, ready=ready)


async def _guard(app: App, settings: Settings) -> None:
    """Refuse to be reachable for others without anybody who could log in.

    Raises:
        Conflict: there is no account yet.
    """
    if needs_account(settings.host, settings.public_url) and not await app.accounts.exist():
        where = f" --data {settings.home}" if settings.home != Settings().home else ""
        raise Conflict(
            f"{settings.public_url or settings.host} can be reached from other machines, and there is no account yet",
            hint=f"make one first: krawall users create NAME --role admin{where}",
        )


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound, and does not listen yet.

    Raises:
        Unavailable: the port is taken, or the address is not one of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.socket(*found[:3])  # with its protocol, or asyncio leaves Nagle on: 40 ms per answer
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(found[4])
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}",
            hint="`krawall doctor` says whether a Krawall server is there; --port 0 takes a free port",
        ) from None
    return made


def url_of(host: str, listening: socket.socket) -> str:
    """Return the address that a person opens."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a loop of its own, the quickest that there is for this platform.

    Raises:
        KrawallError: the first one, if groups of tasks have wrapped it.
        KeyboardInterrupt: it was told to end before it had opened what it needs.
    """
    gc.freeze()
    gc.enable()
    try:
        import uvloop
    except ImportError:
        runner: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    else:
        runner = uvloop.run
    try:
        runner(main)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except BaseExceptionGroup as raised:
        if (known := raised.subgroup(KrawallError)) is None:
            raise
        raise _first(known) from None


def _first(group: BaseExceptionGroup[KrawallError]) -> KrawallError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201
