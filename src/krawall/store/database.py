"""The door to the database: transactions over SQLite or PostgreSQL, and the drivers' errors in our words.

Both databases order the transactions that append events one after the other: SQLite since it has one writer at a time
(BEGIN IMMEDIATE), PostgreSQL by an advisory lock that is taken first, so that no two of them wait for each other's rows.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, CursorResult, Executable, Row, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from krawall.errors import Conflict, DocumentError, Internal, Place, Unavailable
from krawall.model.event import Event
from krawall.store.engines import postgresql_engines, prepare_file, sqlite_engines
from krawall.store.urls import parse_url

T = TypeVar("T")

WAIT_S = 30  # for a lock, and for a connection of the pool
_ORDER = 0x6B726177  # the advisory lock's number: `kraw`
_MISSING = ("no such table", "no such column", "does not exist")


class Transaction:
    """What is written together. `ordered`: it may append events. Lives as long as its block; one task uses it."""

    def __init__(self, connection: AsyncConnection, *, ordered: bool = False) -> None:
        self.connection = connection
        self.ordered = ordered
        self.events: list[Event] = []  # appended so far; told to listeners after the commit

    async def run(self, statement: Executable, values: list[dict[str, Any]] | None = None) -> CursorResult[Any]:
        """Execute a statement, once for each of `values` if they are given."""
        return await self.through(self.connection.execute(statement, values))

    async def all(self, statement: Executable) -> Sequence[Row[Any]]:
        """Return every row."""
        return (await self.run(statement)).all()

    async def first(self, statement: Executable) -> Row[Any] | None:
        """Return the first row."""
        return (await self.run(statement)).first()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function that wants SQLAlchemy's synchronous connection first."""
        return await self.through(self.connection.run_sync(function, *arguments))

    async def through(self, doing: Coroutine[Any, Any, T]) -> T:
        """Await what the connection does; on SQLite to its end, even if this task is cancelled meanwhile.

        The driver cannot interrupt its thread: a connection that is left in mid-statement would keep the lock.
        """
        if self.connection.dialect.name == "sqlite":
            return await to_its_end(doing)
        try:
            return await doing
        except TimeoutError as error:  # asyncpg's own, which SQLAlchemy leaves as it is
            raise NoConnection("no answer in time") from error

    async def changed(self, statement: Executable) -> int:
        """Return how many rows a statement changed."""
        return (await self.run(statement)).rowcount

    async def upsert(self, table: Table, values: dict[str, Any], keep: Sequence[str] = ()) -> None:
        """Insert a row, or change the one with its primary key; columns of `keep` stay as they are then."""
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        keys = [column.name for column in table.primary_key]
        changes = {name: value for name, value in values.items() if name not in {*keys, *keep}}
        insert = dialect.insert(table).values(values)
        if changes:
            await self.run(insert.on_conflict_do_update(index_elements=keys, set_=changes))
        else:
            await self.run(insert.on_conflict_do_nothing(index_elements=keys))


class Database:
    """One database, opened by URL. Owned by the store; `close` ends its connections and their threads."""

    def __init__(self, url: URL, writing: AsyncEngine, reading: AsyncEngine) -> None:
        self.shown = url.render_as_string(hide_password=True)
        self.dialect = url.get_backend_name()
        self.listeners: list[Callable[[list[Event]], None]] = []
        self._writing = writing
        self._reading = reading
        self._writers: set[asyncio.Task[Any] | None] = set()  # tasks inside a `begin` block

    @classmethod
    async def open(cls, url: str, wait_s: float = WAIT_S) -> Database:
        """Connect to `sqlite:///FILE` (made if it is not there) or `postgresql://...`. `wait_s`: for locks of others.

        Raises:
            DocumentError: the URL names no database that we know.
            Unavailable: it does not answer.
        """
        parsed = parse_url(url)
        engines = sqlite_engines if parsed.get_backend_name() == "sqlite" else postgresql_engines
        database = cls(parsed, *engines(parsed, wait_s))
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            if database.dialect == "sqlite":
                await database._prepare_file(Path(parsed.database or ""), wait_s)
            await database.ping()
            stack.pop_all()
        return database

    async def close(self) -> None:
        """End every connection. A connection that is forgotten keeps its thread, and the thread the process."""
        await self._writing.dispose()
        await self._reading.dispose()

    async def ping(self) -> None:
        """Ask for an answer.

        Raises:
            Unavailable: there is none.
        """
        async with self.read() as tx:
            await tx.run(text("SELECT 1"))

    @asynccontextmanager
    async def begin(self, *, ordered: bool = True) -> AsyncIterator[Transaction]:
        """Write: what the block does is kept together, or nothing of it. Events are told to listeners after that.

        Keep it short, and wait for nothing but the database in it: others wait for it. `ordered=False` is for writes
        that append no event and lock rows in one order only: on PostgreSQL they do not wait for each other.

        Raises:
            Unavailable: the connection is lost, the database locked or full.
            Conflict: what is there does not allow a row.
            Internal: this task is in such a block already, and would wait for itself.
        """
        kept: list[Event] = []
        try:
            with self._in_our_words(), self._once_per_task():
                async with self._transaction(self._writing, ordered=ordered, kept=kept) as transaction:
                    if ordered and self.dialect == "postgresql":
                        await transaction.run(text(f"SELECT pg_advisory_xact_lock({_ORDER})"))
                    yield transaction
        finally:  # a task may be cancelled while its commit succeeds
            if kept:
                for listener in self.listeners:
                    listener(kept)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Read: the database refuses writes in this block.

        Raises:
            Unavailable: the connection is lost, the database locked.
        """
        with self._in_our_words():
            async with self._transaction(self._reading, ordered=False, kept=[]) as transaction:
                yield transaction

    @asynccontextmanager
    async def within(self, tx: Transaction | None, *, ordered: bool = True) -> AsyncIterator[Transaction]:
        """Write in `tx` if there is one, else in a transaction of its own."""
        if tx is None:
            async with self.begin(ordered=ordered) as own:
                yield own
        elif ordered and not tx.ordered:
            raise Internal("this transaction was begun without a place in the order of events")
        else:
            yield tx

    @asynccontextmanager
    async def seen_by(self, tx: Transaction | None) -> AsyncIterator[Transaction]:
        """Read what `tx` sees if there is one, else what is committed."""
        if tx is None:
            async with self.read() as own:
                yield own
        else:
            yield tx

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine, *, ordered: bool, kept: list[Event]
    ) -> AsyncIterator[Transaction]:
        """Commit at the end of the block, or undo if it fails. `kept`: gets the events once they are committed."""
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._connected(engine))
            transaction = Transaction(connection, ordered=ordered)
            begun = connection.begin()

            async def commit() -> None:
                await begun.commit()
                kept.extend(transaction.events)

            async def end(failed: type[BaseException] | None, *_: object) -> None:
                if connection.in_transaction():
                    await transaction.through(begun.rollback() if failed else commit())

            stack.push_async_exit(end)
            await transaction.through(begun.start())
            yield transaction

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        connection = engine.connect()
        try:
            await connection.start()
        except OSError as error:  # no route, refused, or no answer in time: asyncpg leaves these as they are
            raise self._gone(str(error) or type(error).__name__) from error
        async with AsyncExitStack() as stack:
            stack.push_async_exit(connection)
            yield connection

    @contextmanager
    def _once_per_task(self) -> Iterator[None]:
        task = asyncio.current_task()
        if task in self._writers:
            raise Internal("a transaction was begun inside another; hand `tx` down instead")
        self._writers.add(task)
        try:
            yield
        finally:
            self._writers.discard(task)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise Conflict(f"what is kept already does not allow it: {_first_line(error)}") from error
        except (DataError, OverflowError, UnicodeEncodeError) as error:
            raise _does_not_fit(error) from error
        except DBAPIError as error:
            if _is_about_data(error):
                raise _does_not_fit(error) from error
            raise self._gone(_first_line(error)) from error
        except NoConnection as error:
            raise self._gone(_first_line(error)) from error
        except SQLAlchemyError as error:
            raise Internal(f"the store asked wrongly: {_first_line(error)}") from error

    def _gone(self, why: str) -> Unavailable:
        hint = "run `krawall migrate`" if any(words in why for words in _MISSING) else None
        return Unavailable(f"the database {self.shown} cannot be used: {why}", hint=hint)

    async def _prepare_file(self, path: Path, wait_s: float) -> None:
        # Not by the pool: the driver's thread outlives the loop where a file cannot be opened, and complains.
        try:
            await asyncio.to_thread(prepare_file, path, wait_s)
        except (OSError, sqlite3.Error) as error:
            raise self._gone(str(error)) from error


async def to_its_end(doing: Coroutine[Any, Any, T]) -> T:
    """Await something to its end, and only then give way to a cancellation that came meanwhile."""
    task = asyncio.ensure_future(doing)
    try:
        return await asyncio.shield(task)
    finally:
        while not task.done():
            with suppress(asyncio.CancelledError):  # once more; the first one goes on its way after this
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # has been looked at


def _first_line(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    line = str(cause).partition("\n")[0].rpartition(">: ")[2]
    return line or type(cause).__name__


def _is_about_data(error: DBAPIError) -> bool:
    """Whether PostgreSQL (class 22) or its driver refused a value: a zero byte in a text, a number of more than 64 bits."""
    original = error.orig
    return str(getattr(original, "sqlstate", None) or "").startswith("22") or "invalid input" in str(original)


def _does_not_fit(error: Exception) -> DocumentError:
    line = _first_line(error) if isinstance(error, SQLAlchemyError) else str(error)
    return DocumentError("value", [Place("", f"cannot be kept: {line}")])
