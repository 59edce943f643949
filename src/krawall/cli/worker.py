"""`krawall worker`: takes jobs until it is told to leave."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

from cyclopts import Parameter

from krawall import logs
from krawall.cli.installation import installation
from krawall.cli.keeper import TAKEN
from krawall.cli.locks import WORKER, Holder, Lock, take
from krawall.cli.places import Data, Url
from krawall.cli.serve import run
from krawall.cli.signals import INTERRUPTED, Ending
from krawall.settings import Settings, read_settings
from krawall.worker.main import work
from krawall.worker.tools import Tools

TRIES = 20
TRY_S = 0.05
IDLE_LOOKS = 6
LOOK_S = 0.5


def worker(
    *,
    name: str = "",
    engines: int | None = None,
    data: Data = None,
    database: Url = None,
    redis: Url = None,
    archive: Url = None,
    attached: Annotated[bool, Parameter(show=False)] = False,
) -> int:
    """Play what is in the queue, until Ctrl-C or SIGTERM: once in order, twice at once.

    In order: no new jobs, turns in flight finish, and what is left goes to other workers. What is not given comes from
    KRAWALL_* or krawall.toml; a worker needs the same addresses and keys as its server.

    Parameters
    ----------
    name
        What to call it in lists and events; default an id that is made up.
    engines
        How many engine processes it has at once; default one per core.
    data
        Directory of the keys, and of everything that has no address below; default ~/.krawall.
    database
        postgresql://... or sqlite:///FILE; default a file in the data directory.
    redis
        redis://, rediss:// or unix://; default a server of our own in the data directory.
    archive
        file:///DIR, s3://BUCKET/PREFIX, gs:// or az://; default in the data directory.
    attached
        The worker of a server: holds the lock of the data directory, and leaves when standard input ends and it is idle.
    """
    settings = read_settings(engines=engines, data=data, database=database, redis=redis, archive=archive)
    logs.configure(settings.log_format, settings.log_level)
    codes: list[int] = []
    run(_worker(settings, name, attached, codes))
    return codes[0] if codes else 0


async def _worker(settings: Settings, name: str, attached: bool, codes: list[int]) -> None:
    ending = Ending(lambda: None, lambda: os._exit(INTERRUPTED))  # engines end with us: their pipes close
    lock = await _own(settings) if attached else None
    if attached and lock is None:
        codes.append(TAKEN)
        return
    async with installation(settings) as app:
        ending.opened()
        tools = app.tools(name)
        if not attached:
            sys.stdout.write(f"krawall worker {tools.id} takes jobs, {tools.engines} engines at once\n")
            sys.stdout.flush()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_with_server(lock, tools, ending.stop)) if lock else None
            await work(tools, ending.stop)
            if watching:
                watching.cancel()


async def _own(settings: Settings) -> Lock | None:
    """Return the lock of the data directory's worker. Others may look at it for a moment, so try more than once."""
    for _ in range(TRIES):
        if lock := take(settings.home / WORKER):
            lock.tell(Holder(os.getpid()))
            return lock
        await asyncio.sleep(TRY_S)
    return None


async def _with_server(lock: Lock, tools: Tools, stop: asyncio.Event) -> None:
    """Leave when our server is gone and nothing is left to play. Another server may adopt us until then."""
    await _end_of_input()
    lock.tell(Holder(os.getpid(), orphan=True))
    idle = 0
    while idle < IDLE_LOOKS:
        idle = 0 if any(count > 0 for count in tools.playing.values()) else idle + 1
        await asyncio.sleep(LOOK_S)
    stop.set()


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0)
    )
    try:
        while await reader.read(1024):
            pass
    finally:
        transport.close()
