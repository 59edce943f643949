"""Opens the accounts of an installation on this machine: by the database itself, so that the first admin needs no server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from krawall.services.accounts import Accounts
from krawall.settings import read_settings
from krawall.store.store import Store

ACTOR = "system"
"""What events call somebody who may write the database anyway."""

T = TypeVar("T")


def with_accounts(data: Path | None, database: str | None, do: Callable[[Accounts], Awaitable[T]]) -> T:
    """Do something with the accounts of a database and close it again. A file of SQLite is made or migrated if need be.

    Raises:
        Unavailable: the database does not answer.
    """
    url = read_settings(data=data, database=database).database_url

    async def opened() -> T:
        store = await Store.open(url, migrate=url.startswith("sqlite"))
        try:
            return await do(Accounts(store))
        finally:
            await store.close()

    return asyncio.run(opened())
