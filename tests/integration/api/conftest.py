"""An app of real parts over a fresh database (SQLite, and PostgreSQL where that may differ), and clients that call its API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from krawall.api.app import make_api
from krawall.app import App, open_app
from krawall.model.account import LOCAL, Caller, Role, Scope
from krawall.settings import Settings
from krawall.testing.valkeys import valkey_server


@pytest.fixture(scope="session")
def one_valkey():
    with valkey_server() as server:
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest, fresh, tmp_path: Path):
    """The URL of a fresh database; `indirect` parameters choose which kind."""
    kind = getattr(request, "param", None)
    with fresh(tmp_path / "krawall.db", **({"kind": kind} if kind else {})) as url:
        yield url


@pytest.fixture
async def app(database: str, one_valkey, tmp_path: Path) -> AsyncIterator[App]:
    one_valkey.flush()
    settings = Settings(
        requests_per_s=100_000,
        data=tmp_path,
        database=database,
        redis=one_valkey.url,
        worker=False,
        allow_env=["REGION"],
        private_webhooks=True,
    )
    async with open_app(settings) as app:
        yield app


@pytest.fixture
def api(app: App) -> FastAPI:
    return make_api(app)


@pytest.fixture
def calling(api: FastAPI) -> Callable[..., httpx2.AsyncClient]:
    """Make clients; their base is the version of the API."""

    def made(**headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=api)
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost/api/v1", headers=headers)

    return made


@pytest.fixture
async def client(calling) -> AsyncIterator[httpx2.AsyncClient]:
    """Who is at this machine, in local mode."""
    async with calling() as made:
        yield made


@pytest.fixture
async def viewer(app: App, client: httpx2.AsyncClient, calling) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who may only look. Makes accounts, so that `client` is nobody from here on."""
    admin = await app.accounts.create_user("ada", "correct horse battery", Role.admin, LOCAL.name)
    made = await app.accounts.create_token(Caller("ada", frozenset(Scope), admin.id), "looks", [Scope.read])
    async with calling(Authorization=f"Bearer {made.secret}") as looking:
        yield looking
