"""`krawall doctor`."""

from __future__ import annotations

import asyncio

import msgspec

from krawall.cli.listing import print_list, say
from krawall.cli.output import print_json
from krawall.cli.places import Data, Url
from krawall.conduct import words
from krawall.services.doctor import Installation, examine
from krawall.services.machine import Check
from krawall.settings import read_settings


def doctor(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Data = None,
    database: Url = None,
    redis: Url = None,
    archive: Url = None,
    json: bool = False,
) -> int:
    """Look whether everything is there that a server or worker needs, and say how to mend what is not. Changes nothing.

    Parameters
    ----------
    host
        Address that the server would listen on.
    port
        Port that the server would listen on.
    data
        Directory of the database, the queue, the archive and the keys; default ~/.krawall.
    database
        postgresql://... or sqlite:///FILE; default a file in the data directory.
    redis
        redis://, rediss:// or unix://; default a server of our own in the data directory.
    archive
        file:///DIR, s3://BUCKET/PREFIX, gs:// or az://; default in the data directory.
    json
        Print one JSON object: every check with name, state, detail and mend.
    """
    settings = read_settings(host=host, port=port, data=data, database=database, redis=redis, archive=archive)
    place = Installation(
        home=settings.home,
        host=settings.host,
        port=settings.port,
        database=settings.database_url,
        redis=settings.redis,
        archive=settings.archive_url,
        key=settings.key.get_secret_value() if settings.key else None,
    )
    found = asyncio.run(examine(place))
    if json:
        print_json({"checks": msgspec.to_builtins(found)})
    else:
        _print(found)
    return 2 if any(check.state == "problem" for check in found) else 0


def _print(found: list[Check]) -> None:
    print_list(["check", "state", "what"], [[check.name, check.state, check.detail] for check in found], empty="")
    bad = [check for check in found if check.state != "ok"]
    for check in bad:
        say(f"\n{check.name}: {check.detail}" + (f"\n  {check.mend}" if check.mend else ""))
    if not bad:
        say("\neverything is there")
        return
    problems = sum(check.state == "problem" for check in bad)
    say(f"\n{words.many(problems, 'problem')}, {words.many(len(bad) - problems, 'warning')}")
