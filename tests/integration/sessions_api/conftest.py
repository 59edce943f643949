"""One Valkey for all of these tests, emptied for each; an app over a fresh SQLite file; the API served on a real socket."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from krawall.app import open_app
from krawall.settings import Settings
from krawall.store.store import Store
from krawall.testing.served import served
from krawall.testing.valkeys import valkey_server


@pytest.fixture(scope="session")
def one_valkey():
    with valkey_server() as server:
        yield server


@pytest.fixture
def valkey(one_valkey):
    one_valkey.flush()
    return one_valkey


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database with all tables and no rows. Copying it is faster than making it."""
    path = tmp_path_factory.mktemp("database") / "krawall.db"

    async def make():
        await (await Store.open(f"sqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture(autouse=True)
def database(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "krawall.db")


@pytest.fixture
def settings(tmp_path, valkey):
    return Settings(data=tmp_path, redis=valkey.url, worker=False)


@pytest.fixture
async def app(settings):
    async with open_app(settings) as app:
        yield app


@pytest.fixture
async def client(app):
    async with served(app) as client:
        yield client
