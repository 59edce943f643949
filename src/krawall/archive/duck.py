"""DuckDB as the archive uses it: one instance per session, shut into that session's folder, bounded in memory.

It is loaded when it is first asked: a server that only just starts, and a worker, need not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from krawall.errors import Unavailable

if TYPE_CHECKING:
    import duckdb

MEMORY = "256MB"
THREADS = 2

Connection: TypeAlias = "duckdb.DuckDBPyConnection"


def quoted(value: Path | str) -> str:
    """Return `value` as a SQL string. For paths of ours alone: what people type goes in as parameters."""
    return "'" + str(value).replace("'", "''") + "'"


def connect(folders: list[Path], temporary: Path, setup: list[str] | None = None) -> Connection:
    """Return a new instance in memory that reads and writes files in `folders` and `temporary` only.

    What does not fit in memory spills to `temporary`. `setup`: statements that come before it is locked. Nothing is
    downloaded: extensions that are not built in do not exist.
    """
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": MEMORY,
            "threads": THREADS,
            "temp_directory": str(temporary),
            "preserve_insertion_order": True,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
        },
    )
    allowed = ", ".join(quoted(f"{folder}/") for folder in [*folders, temporary])
    connection.execute("SET parquet_metadata_cache = true")
    for statement in setup or []:
        connection.execute(statement)
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def answering(what: Path) -> Iterator[None]:
    """Turn what DuckDB raises while the files in `what` are read or written into Unavailable."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unavailable(f"the messages in {what} cannot be read: {first}") from error
