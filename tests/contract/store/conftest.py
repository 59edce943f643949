"""The store over both databases: every test that asks for `store` or `url` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from krawall.errors import Conflict
from krawall.model.session import Session, State
from krawall.store.database import Transaction
from krawall.store.store import Store
from krawall.store.tables import metadata
from krawall.testing.databases import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "krawall.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_url(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database with all tables."""
    with postgres.database() as url:
        asyncio.run(_migrate(url))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with all tables. On PostgreSQL all tests share it; `store` empties it."""
    if request.param == "postgresql":
        shared: str = request.getfixturevalue("migrated_url")
        return shared
    path = tmp_path / "krawall.db"
    shutil.copyfile(request.getfixturevalue("migrated_file"), path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/below/krawall.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as fresh:
            yield fresh


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store without rows."""
    opened = await Store.open(url, migrate=False)
    async with opened.begin() as tx:
        if opened.database.dialect == "postgresql":
            for table in reversed(metadata.sorted_tables):
                await tx.run(delete(table))
            await tx.run(text("ALTER SEQUENCE events_id_seq RESTART"))
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: Store, url: str) -> AsyncIterator[Store]:
    """A second store over the same database, as another process would have it."""
    opened = await Store.open(url, migrate=False)
    yield opened
    await opened.close()


@pytest.fixture
def make_session() -> Callable[..., Session]:
    """Make sessions that differ in what the test says."""

    def make(id: str = "ses_a", **fields: object) -> Session:
        start = Session(id, f"name {id}", "checkout", "shop", "h", 7, 2, State.queued, 1_000, "ann")
        return Session(**{name: fields.get(name, getattr(start, name)) for name in Session.__struct_fields__})

    return make


@pytest.fixture
def undone() -> Callable[[Store], AbstractAsyncContextManager[Transaction]]:
    """Begin a transaction that comes to nothing at the end of its block."""

    @asynccontextmanager
    async def begin(store: Store) -> AsyncIterator[Transaction]:
        try:
            async with store.begin() as tx:
                yield tx
                raise Conflict("changed its mind")
        except Conflict:
            pass

    return begin


async def _migrate(url: str) -> None:
    await (await Store.open(url)).close()
