"""Requests without a socket: a client that calls an ASGI application in this process."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
from starlette.types import ASGIApp


@pytest.fixture
def client() -> Callable[[ASGIApp], httpx2.AsyncClient]:
    def made(app: ASGIApp) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")

    return made
