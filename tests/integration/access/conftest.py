"""A store of its own for each test, and accounts over it whose passwords are hashed quickly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from krawall.clock import wall_ns
from krawall.services.accounts import Accounts
from krawall.services.passwords import Passwords
from krawall.store.store import Store


class Now:
    """A clock that a test sets: ns since 1970, of the wall clock at first, since the store has one of its own."""

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns

    def later(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


@pytest.fixture
async def store(fresh, tmp_path: Path) -> AsyncIterator[Store]:
    with fresh(tmp_path / "krawall.db") as url:
        opened = await Store.open(url, migrate=False)
        yield opened
        await opened.close()


@pytest.fixture
def now() -> Now:
    return Now(wall_ns())


@pytest.fixture
def accounts(store: Store, now: Now) -> Accounts:
    return Accounts(store, now_ns=now, passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
