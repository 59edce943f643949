"""`krawall migrate`."""

from __future__ import annotations

import asyncio

from krawall.cli.listing import say
from krawall.cli.output import print_json
from krawall.cli.places import DatabaseUrl, Home
from krawall.conduct import words
from krawall.settings import read_settings
from krawall.store.database import Database
from krawall.store.migrate import migrate as bring_up_to_date
from krawall.store.migrate import pending


def migrate(*, data: Home = None, database: DatabaseUrl = None, check: bool = False, json: bool = False) -> int:
    """Bring the tables of the database up to date. Several at once take turns.

    Parameters
    ----------
    check
        Only say what is pending; exit code 2 when something is.
    json
        Print one JSON object.
    """
    settings = read_settings(data=data, database=database)
    found = asyncio.run(_migrate(settings.database_url, check))
    if json:
        print_json({"pending" if check else "applied": found})
    elif not found:
        say("the database is up to date")
    else:
        say(f"{'pending' if check else 'applied'}: {words.many(len(found), 'migration')} ({', '.join(found)})")
    return 2 if check and found else 0


async def _migrate(url: str, check: bool) -> list[str]:
    database = await Database.open(url)
    try:
        return await (pending(database) if check else bring_up_to_date(database))
    finally:
        await database.close()
