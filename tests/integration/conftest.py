"""Fresh databases for every test that talks to one: SQLite, or with KRAWALL_TEST_DATABASE=postgresql the same tests on PostgreSQL.

Tables are made once; a test gets a copy, since to make them takes longer than most tests.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from krawall.store.store import Store
from krawall.testing.databases import PostgresServer, postgres_server

Fresh = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """`fresh(path)` gives the URL of a database with all tables and no rows; `kind` names the sort for one test."""
    file = tmp_path_factory.mktemp("migrated") / "krawall.db"
    made: dict[str, str] = {}
    servers: list[PostgresServer] = []

    async def make(url: str) -> str:
        await (await Store.open(url)).close()
        return url

    def template(kind: str) -> str:
        if kind not in made:
            if kind == "sqlite":
                url = f"sqlite:///{file}"
            else:
                servers.append(kept.enter_context(postgres_server()))
                url = kept.enter_context(servers[0].database())
            with ThreadPoolExecutor(1) as thread:  # whoever asks may be in a running loop
                made[kind] = thread.submit(lambda: asyncio.run(make(url))).result()
        return made[kind]

    @contextmanager
    def copy(path: Path, kind: str = os.environ.get("KRAWALL_TEST_DATABASE", "sqlite")) -> Iterator[str]:
        like = template(kind)
        if kind == "sqlite":
            shutil.copy(file, path)
            yield f"sqlite:///{path}"
        else:
            with servers[0].database(like) as url:
                yield url

    with ExitStack() as kept:
        yield copy
