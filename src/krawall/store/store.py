"""The store: every repository over one database, opened and closed as one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from krawall.model.event import Event
from krawall.store import migrate as migrations
from krawall.store.credentials import Credentials
from krawall.store.database import Database, Transaction
from krawall.store.deliveries import Deliveries
from krawall.store.documents import Documents
from krawall.store.drafts import Drafts
from krawall.store.events import Events
from krawall.store.ledger import Ledger
from krawall.store.logins import Logins
from krawall.store.sessions import Sessions
from krawall.store.shards import Shards
from krawall.store.ticks import Ticks
from krawall.store.tokens import Tokens
from krawall.store.users import Users
from krawall.store.workers import Workers


class Store:
    """Rows of everything. Owned by whoever opened it; its repositories take care of their own transactions."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.events = Events(database)
        self.documents = Documents(database, self.events)
        self.drafts = Drafts(database)
        self.sessions = Sessions(database, self.events)
        self.shards = Shards(database)
        self.ticks = Ticks(database)
        self.ledger = Ledger(database)
        self.credentials = Credentials(database, self.events)
        self.deliveries = Deliveries(database)
        self.workers = Workers(database, self.events)
        self.users = Users(database, self.events)
        self.logins = Logins(database)
        self.tokens = Tokens(database, self.events)

    @classmethod
    async def open(cls, url: str, migrate: bool = True) -> Store:
        """Open the database; `migrate`: bring its tables up to date first.

        Raises:
            DocumentError: the URL names no database that we know.
            Unavailable: it does not answer, or a newer Krawall made it.
        """
        database = await Database.open(url)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            if migrate:
                await migrations.migrate(database)
            stack.pop_all()
        return cls(database)

    async def close(self) -> None:
        """End every connection."""
        await self.database.close()

    async def pending(self) -> list[str]:
        """Return the migrations that the database still needs."""
        return await migrations.pending(self.database)

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction to hand to several methods as `tx`. Keep it short: it has its place in the order of events."""
        return self.database.begin()

    def listen(self, callback: Callable[[list[Event]], None]) -> None:
        """Call back with the events of each transaction of this store, after its commit. The callback must not raise."""
        self.database.listeners.append(callback)
