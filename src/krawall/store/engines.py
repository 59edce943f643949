"""How each database is set up: pools, locks, and what is said to every new connection."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry


def prepare_file(path: Path, wait_s: float) -> None:
    """Make SQLite's file and its folder if they are missing, and have its log written ahead. Blocks.

    Raises:
        OSError: the folder cannot be made.
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=wait_s)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # kept in the file


def sqlite_engines(url: URL, wait_s: float) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the one that writes and the one that reads. One connection writes, so that tasks of a process queue in order."""
    writing = create_async_engine(
        url, pool_size=1, max_overflow=0, pool_timeout=wait_s, connect_args={"timeout": wait_s}
    )
    reading = create_async_engine(
        url, pool_size=4, max_overflow=0, pool_timeout=wait_s, connect_args={"timeout": wait_s}
    )
    for engine, begin, only_reads in ((writing, "BEGIN IMMEDIATE", "OFF"), (reading, "BEGIN", "ON")):
        _on_connect(engine, only_reads)
        _on_begin(engine, begin)
    return writing, reading


def _on_connect(engine: AsyncEngine, only_reads: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "cache_size = -8000", f"query_only = {only_reads}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _on_begin(engine: AsyncEngine, statement: str) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def began(connection: Any) -> None:
        connection.exec_driver_sql(statement)


def postgresql_engines(url: URL, wait_s: float) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the one that writes and the one that reads. Who stops in mid-transaction is cut off, so that others go on."""
    settings = {
        "application_name": "krawall",
        "lock_timeout": f"{wait_s * 1000:.0f}ms",
        "idle_in_transaction_session_timeout": f"{2 * wait_s * 1000:.0f}ms",
        "jit": "off",  # it costs more than our queries
    }
    engine = create_async_engine(
        url,
        pool_size=10,
        max_overflow=10,
        pool_timeout=wait_s,
        pool_pre_ping=True,
        connect_args={"timeout": 10, "command_timeout": 2 * wait_s, "server_settings": settings},
    )
    return engine, engine.execution_options(postgresql_readonly=True)
