"""One Valkey for all of these tests, emptied for each; an app over a fresh database; the API served on a real socket."""

from __future__ import annotations

import pytest

from krawall.app import open_app
from krawall.settings import Settings
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


@pytest.fixture
def database(fresh, tmp_path):
    """The URL of a fresh database."""
    with fresh(tmp_path / "krawall.db") as url:
        yield url


@pytest.fixture
def settings(tmp_path, valkey, database):
    return Settings(data=tmp_path, redis=valkey.url, database=database, worker=False)


@pytest.fixture
async def app(settings):
    async with open_app(settings) as app:
        yield app


@pytest.fixture
async def client(app):
    async with served(app) as client:
        yield client
