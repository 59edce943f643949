"""Migrations, run by Alembic without a file of settings: forward only, all pending ones in one transaction.

Which ones are pending is told by the files' names and one row; Alembic, which takes half a second to load, is there for applying.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from krawall.errors import Unavailable
from krawall.store.database import Database

FOLDER = Path(__file__).with_name("migrations")


async def migrate(database: Database) -> list[str]:
    """Bring the tables up to date and return the revisions that were applied. Servers that start together take turns.

    Raises:
        Unavailable: a newer Krawall made this database.
    """
    async with database.begin() as tx:
        return await tx.call(_upgrade, database.shown)


async def pending(database: Database) -> list[str]:
    """Return the revisions that `migrate` would apply.

    Raises:
        Unavailable: a newer Krawall made this database.
    """
    async with database.read() as tx:
        return await tx.call(_missing, database.shown)


def _upgrade(connection: Connection, shown: str) -> list[str]:
    missing = _missing(connection, shown)
    if missing:
        _apply(connection)
    return missing


def _apply(connection: Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))
    with EnvironmentContext(
        Config(), scripts, fn=lambda revision, _context: scripts._upgrade_revs("head", revision)
    ) as environment:
        environment.configure(connection=connection, transactional_ddl=False)
        environment.run_migrations()


def _missing(connection: Connection, shown: str) -> list[str]:
    known = sorted(path.stem[1:5] for path in (FOLDER / "versions").glob("v[0-9]*.py"))
    current = None
    if inspect(connection).has_table("alembic_version"):
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if current is None:
        return known
    if current not in known:
        raise Unavailable(
            f"the database {shown} is at revision {current}, which this Krawall does not know",
            hint="a newer Krawall made it; use that one, or another database",
        )
    return known[known.index(current) + 1 :]
