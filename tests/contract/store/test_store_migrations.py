from __future__ import annotations

import importlib
import pkgutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from krawall.errors import Unavailable
from krawall.store.database import Database
from krawall.store.migrate import migrate, pending
from krawall.store.migrations import versions
from krawall.store.tables import metadata


@pytest.fixture
async def database(empty_url):
    opened = await Database.open(empty_url)
    yield opened
    await opened.close()


async def test_all_tables_are_made_once(database):
    assert await pending(database) == ["0001", "0002"]
    assert await migrate(database) == ["0001", "0002"]
    assert await pending(database) == []
    assert await migrate(database) == []


async def test_what_the_migrations_make_is_what_the_code_means(database):
    await migrate(database)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, metadata)

    async with database.read() as tx:
        assert await tx.call(differences) == []


async def test_a_migration_that_fails_leaves_nothing_behind(database):
    """Tables are made in one transaction on both databases: the second `users` undoes everything before it."""
    async with database.begin() as tx:
        await tx.run(text("CREATE TABLE users (id INTEGER)"))
    with pytest.raises(Unavailable, match="users"):
        await migrate(database)
    async with database.begin() as tx:
        await tx.run(text("DROP TABLE users"))
    assert await migrate(database) == ["0001", "0002"]


async def test_a_database_of_a_newer_version_is_left_alone(database):
    await migrate(database)
    async with database.begin() as tx:
        await tx.run(text("UPDATE alembic_version SET version_num = '9999'"))
    for ask in (migrate, pending):
        with pytest.raises(Unavailable, match="9999") as refused:
            await ask(database)
        assert "newer Krawall" in str(refused.value)


def test_migrations_go_forward_only_and_are_numbered_without_a_gap():
    names = sorted(info.name for info in pkgutil.iter_modules(versions.__path__))
    modules = [importlib.import_module(f"{versions.__name__}.{name}") for name in names]
    assert [each.revision for each in modules] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert [each.down_revision for each in modules] == [None, *(each.revision for each in modules[:-1])]
    assert [name for name, each in zip(names, modules, strict=True) if not name.startswith(f"v{each.revision}_")] == []
    assert [each for each in modules if hasattr(each, "downgrade")] == []
