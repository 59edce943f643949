"""Finding the rows of a page and reading them: narrow columns first, texts only of the rows that are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from krawall.archive import columns
from krawall.archive.duck import Connection
from krawall.clock import monotonic_ns

SEARCH_NS = 100_000_000  # after so long a search hands back what it has found, and where to go on
SEARCH_ROWS = (2 * columns.TEXT_GROUP, 8 * columns.TEXT_GROUP)  # read at a time by a search: first, and at most
MOST_GROUPS = 16  # row groups that a page reads texts from: 2 to 4 ms each

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is to hold. `where`: conditions on rows of `table`, `search` on those of `texts`; `facts`: their values."""

    table: str
    where: list[str]
    search: str
    facts: dict[str, object]
    start: int
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """The numbers of the rows of a page, rising, and where the next page starts."""

    numbers: list[int]
    following: int | None


def find(cursor: Connection, asked: Asked, newest: int) -> Found:
    """Return the rows that fit."""
    if asked.search:
        return _search(cursor, asked, newest)
    if not asked.where:
        end = max(min(asked.start + asked.limit, newest + 1), asked.start)
        return Found(list(range(asked.start, end)), end if end <= newest else None)
    query = f"SELECT n FROM {asked.table} WHERE {_within(asked.start, newest + 1)} AND {_all(asked.where)}"
    # Scans keep the order of the rows, so these are the first ones.
    rows = cursor.execute(f"{query} LIMIT {asked.limit + 1:d}", asked.facts).fetchall()
    numbers = sorted(row[0] for row in rows)
    if len(numbers) > asked.limit:
        return Found(numbers[:-1], numbers[-1])
    return Found(numbers, None)


def _search(cursor: Connection, asked: Asked, newest: int) -> Found:
    """Read texts, a window of rows at a time, until the page is full or the time is up."""
    found: list[int] = []
    at, window, began = asked.start, SEARCH_ROWS[0], monotonic_ns()
    while at <= newest and len(found) <= asked.limit:
        end = min(at + window, newest + 1)
        query = f"SELECT n FROM texts WHERE {_within(at, end)} AND ({asked.search})"
        if asked.where:
            query += f" AND n IN (SELECT n FROM {asked.table} WHERE {_within(at, end)} AND {_all(asked.where)})"
        found += sorted(row[0] for row in cursor.execute(query, asked.facts).fetchall())
        at = end
        window = min(window * 2, SEARCH_ROWS[1])
        if monotonic_ns() - began > SEARCH_NS:  # asked last: each call gets on by a window at least
            break
    if len(found) > asked.limit:
        return Found(found[: asked.limit], found[asked.limit])
    return Found(found, at if at <= newest else None)


def _within(start: int, end: int) -> str:
    return f"n >= {start:d} AND n < {end:d}"


def _all(conditions: list[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions)


def near(found: Found) -> Found:
    """Cut a page short where its rows lie in many row groups: to read a text is to read its group."""
    groups: set[int] = set()
    for place, number in enumerate(found.numbers):
        groups.add(number // columns.TEXT_GROUP)
        if len(groups) > MOST_GROUPS:
            return Found(found.numbers[:place], number)
    return found


def rows(cursor: Connection, table: str, shown: str, numbers: list[int]) -> list[Row]:
    """Return the rows with these numbers as people see them, in order. `shown`: columns, `n` among them."""
    if not numbers:
        return []
    near = _within(numbers[0], numbers[-1] + 1)
    if len(numbers) <= numbers[-1] - numbers[0]:
        near += f" AND n IN ({', '.join(map(str, numbers))})"
    return records(cursor.execute(f"SELECT {shown} FROM {table} WHERE {near} ORDER BY n"))


def messages_of(cursor: Connection, numbers: list[int], bodies: bool, shown: str = columns.MESSAGE_SHOWN) -> list[Row]:
    """Return the messages with these numbers, with what was said and heard where `bodies` are asked for."""
    found = rows(cursor, "messages", shown, numbers)
    if bodies:
        for message, text in zip(found, rows(cursor, "texts", "n, said, heard", numbers), strict=True):
            message.update(text)
    else:
        for message in found:
            message.update(said=None, heard=None)
    return found


def records(cursor: Connection) -> list[Row]:
    """Return the rows of an answer as plain data; `checks` as a list."""
    names = [column[0] for column in cursor.description or []]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for record in found:
        if "checks" in record:
            record["checks"] = checks_of(record["checks"])
    return found


def checks_of(text: str | None) -> list[Row]:
    """Return the checks that a line holds as JSON: name, ok, detail."""
    checks = msgspec.json.decode(text, type=list[dict[str, Any]]) if text else []
    return [{"detail": "", **check} for check in checks]
