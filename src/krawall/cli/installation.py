"""Opens the installation for a server or worker. The Valkey server of a data directory is started again when it dies, and
stopped when nobody uses it any more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from krawall.app import App, open_app
from krawall.cli.locks import USE, take
from krawall.errors import Unavailable
from krawall.queue.valkey import ensure_valkey, stop_valkey
from krawall.settings import Settings

LOOK_S = 2.0


@asynccontextmanager
async def installation(settings: Settings) -> AsyncIterator[App]:
    """Open the app. A file of SQLite is migrated; any other database is asked whether it is up to date.

    Raises:
        Unavailable: something cannot be reached, or the database needs `krawall migrate`.
        Refused: the key that seals credentials is weak, or readable for others.
    """
    if settings.redis:
        async with _opened(settings) as app:
            yield app
        return
    use = settings.home / USE
    lock = await asyncio.to_thread(take, use, shared=True, wait=True)  # somebody may be stopping the Valkey server
    assert lock is not None
    try:
        async with _opened(settings) as app, asyncio.TaskGroup() as group:
            keeping = group.create_task(_keep_valkey(settings.home))
            try:
                yield app
            finally:
                keeping.cancel()
    finally:
        lock.release()
        if last := take(use):  # of all that give the lock back, the last one gets it alone
            await stop_valkey(settings.home)
            last.release()


async def _keep_valkey(home: Path) -> None:
    """Start the Valkey server again when it has died: it is ours, so nobody else does."""
    while True:
        await asyncio.sleep(LOOK_S)
        with contextlib.suppress(Unavailable):
            await ensure_valkey(home)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[App]:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it speaks of itself at every start
    own = settings.database_url.startswith("sqlite")
    async with open_app(settings, migrate=own) as app:
        if missing := await app.store.pending():
            raise Unavailable(f"the database is {len(missing)} migrations behind", hint="run `krawall migrate` first")
        yield app


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment in which a child process has the same settings, wherever they came from."""
    told = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is None or value == "":
            continue
        told[f"KRAWALL_{name.upper()}"] = _text(settings.home if name == "data" else value)
    return {**os.environ, **told}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool | list):
        return json.dumps(value)
    return str(value) if not isinstance(value, Path) else os.fspath(value)
