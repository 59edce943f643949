"""Questions about the messages of a session, running or over. They block: for a thread. The folder is that of the session.

The work of one call is bounded: a page holds at most `limit` items, and fewer where they lie far apart in a big session.
`next` alone says whether there are more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from krawall.archive import columns
from krawall.archive.duck import Connection, answering
from krawall.archive.readers import CompactLog, readers
from krawall.clock import monotonic_ns

SEARCH_NS = 100_000_000  # after so long a search hands back what it has found, and where to go on
FIRST_WINDOW = 2 * columns.GROUP
MOST_GROUPS = 12  # row groups that a page reads texts from: 5 ms each

Row = dict[str, Any]
Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page of messages or conversations. `next`: the `start` of the next page, None when there is none (yet).

    `newest`: the number of the newest one there is, whether it fits the filters or not; -1: there are none.
    """

    items: list[Row]
    next: int | None
    newest: int


def messages(
    folder: Path,
    *,
    start: int = 0,
    limit: int = 200,
    search: str = "",
    error: str | None = None,
    status: int | None = None,
    step: str | None = None,
    conversation: int | None = None,
    turn: int | None = None,
    phase: str | None = None,
    slower_ms: float | None = None,
    bodies: bool = True,
    until_ns: int | None = None,
) -> MessagePage:
    """Return the messages from number `start` on that fit all filters, in order.

    Args:
        search: text that `said`, `heard` or the detail of the error contains, in any case.
        error: kind of fault, or "any".
        step: a step, and those nested in it.
        slower_ms: latency above so many ms.
        bodies: without, `said` and `heard` are None.
        until_ns: of a running session, ns since it began: what was done later is not shown yet. Leave about a second
            and a half to now, so that all lines of that time are written: numbers are then those it will always have.

    Raises:
        NotFound: there is no such folder.
        Unavailable: its files cannot be read.
    """
    conditions: dict[str, object] = {
        "error = $error": None if error == "any" else error,
        "status = $status": status,
        "(step = $step OR starts_with(step, $step || '.'))": step,
        "conversation = $conversation": conversation,
        "turn = $turn": turn,
        "phase = $phase": phase,
        "latency_ns > $slower": None if slower_ms is None else round(slower_ms * 1e6),
    }
    where, facts = _where(conditions)
    if error == "any":
        where.append("error IS NOT NULL")
    if search:
        where.append(" OR ".join(f"contains(lower({text}), lower($search))" for text in ("said", "heard", "detail")))
        facts["search"] = _clean(search)
    asked = _Asked("messages", where, facts, max(start, 0), max(limit, 1), bool(search), bodies)
    shown = columns.MESSAGE_SHOWN if bodies else columns.MESSAGE_SHOWN_BARE
    return _page(folder, asked, shown, until_ns)


def conversations(
    folder: Path,
    *,
    start: int = 0,
    limit: int = 200,
    outcome: str | None = None,
    search: str = "",
    until_ns: int | None = None,
) -> MessagePage:
    """Return the conversations that are over, from number `start` on, in the order in which they ended.

    Their outcomes are completed, ended, failed, capped, abandoned; and lost, for those that a process took with it when
    it died and that nobody played again. `search`: text in the reason, or a conversation's number.

    Raises:
        NotFound, Unavailable: as for `messages`.
    """
    where, facts = _where({"outcome = $outcome": outcome})
    if search:
        where.append("contains(lower(reason), lower($search)) OR conversation::VARCHAR = $search")
        facts["search"] = _clean(search)
    asked = _Asked("conversations", where, facts, max(start, 0), max(limit, 1), bool(search), False)
    return _page(folder, asked, columns.CONVERSATION_SHOWN, until_ns)


@dataclass(frozen=True, slots=True)
class _Asked:
    table: str
    where: list[str]
    facts: Facts
    start: int
    limit: int
    search: bool
    bodies: bool

    @property
    def condition(self) -> str:
        return " AND ".join(f"({condition})" for condition in self.where)


def _where(conditions: dict[str, object]) -> tuple[list[str], Facts]:
    """Return the conditions that were given, and the values of their parameters."""
    where, facts = [], {}
    for condition, value in conditions.items():
        if value is not None:
            where.append(condition)
            name = condition.rpartition("$")[2] if condition.count("$") == 1 else "step"
            facts[name] = _clean(value) if isinstance(value, str) else value
    return where, facts


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be asked for: no text holds one


def _page(folder: Path, asked: _Asked, shown: str, until_ns: int | None) -> MessagePage:
    reader = readers.get(folder)
    with answering(folder), reader.cursor(until_ns) as cursor:
        until = "" if until_ns is None or isinstance(reader, CompactLog) else f" WHERE done_ns <= {until_ns:d}"
        newest = int(_first(cursor, f"SELECT coalesce(max(n), -1) FROM {asked.table}{until}"))
        if not asked.where:
            end = min(asked.start + asked.limit, newest + 1)
            numbers, following = list(range(asked.start, end)), end if end <= newest else None
        else:
            numbers, following = _find(cursor, asked, newest)
        if asked.bodies:
            numbers, following = _near(numbers, following)
        return MessagePage(fetch(cursor, asked.table, shown, numbers), following, newest)


def _first(cursor: Connection, query: str) -> Any:
    row = cursor.execute(query).fetchone()
    return row[0] if row else None


def _find(cursor: Connection, asked: _Asked, newest: int) -> tuple[list[int], int | None]:
    """Return the numbers of the rows that fit, and where to go on. Reads narrow columns, or texts for a bounded time."""
    found: list[int] = []
    at, window, began = asked.start, FIRST_WINDOW if asked.search else newest + 1, monotonic_ns()
    while at <= newest:
        end = min(at + window, newest + 1)
        query = f"SELECT n FROM {asked.table} WHERE n >= {at:d} AND n < {end:d} AND {asked.condition} LIMIT {asked.limit + 1 - len(found):d}"
        found += sorted(row[0] for row in cursor.execute(query, asked.facts).fetchall())
        if len(found) > asked.limit:
            return found[:-1], found[-1]
        at = end
        if monotonic_ns() - began > SEARCH_NS:
            break
        window *= 2
    return found, at if at <= newest else None


def _near(numbers: list[int], following: int | None) -> tuple[list[int], int | None]:
    """Cut a page short where its rows lie in many row groups: to read a text is to read its group."""
    groups: set[int] = set()
    for place, number in enumerate(numbers):
        groups.add(number // columns.GROUP)
        if len(groups) > MOST_GROUPS:
            return numbers[:place], number
    return numbers, following


def fetch(cursor: Connection, table: str, shown: str, numbers: list[int]) -> list[Row]:
    """Return the rows with these numbers, as people see them."""
    if not numbers:
        return []
    near = f"n >= {numbers[0]:d} AND n <= {numbers[-1]:d}"
    if len(numbers) <= numbers[-1] - numbers[0]:
        near += f" AND n IN ({', '.join(map(str, numbers))})"
    return records(cursor.execute(f"SELECT {shown} FROM {table} WHERE {near} ORDER BY n"))


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
