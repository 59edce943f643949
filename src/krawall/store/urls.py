"""What people write as a database's address, and what the drivers take. Pure."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from krawall.errors import DocumentError, Place

_SQLITE = {"sqlite", "sqlite+aiosqlite"}
_POSTGRESQL = {"postgres", "postgresql", "postgresql+asyncpg"}
_OPTIONS = {"host", "port", "ssl"}


def parse_url(text: str) -> URL:
    """Return the URL with its asynchronous driver.

    Raises:
        DocumentError: it is neither a file of SQLite nor a PostgreSQL server.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _wrong("is not a URL") from None
    if url.drivername in _SQLITE:
        if not url.database or url.database == ":memory:" or url.query:
            raise _wrong("names no file: several processes write the database, so it cannot live in memory")
        return url.set(drivername="sqlite+aiosqlite")
    if url.drivername not in _POSTGRESQL:
        raise _wrong(f"is of {url.drivername!r}, which Krawall does not keep rows in")
    options = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    if strange := sorted(options.keys() - _OPTIONS):
        raise _wrong(
            f"has options that are not known: {', '.join(strange)}; known: {', '.join(sorted(_OPTIONS))}, sslmode"
        )
    return url.set(drivername="postgresql+asyncpg", query=options)


def _wrong(message: str) -> DocumentError:
    return DocumentError(
        "settings",
        [Place("database", message)],
        hint="write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
    )
