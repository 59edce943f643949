"""Lists of sessions: filters, orders, counts and sums. They read rows of the `sessions` table only, never what is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_

from krawall.errors import DocumentError, Place
from krawall.model.base import Record
from krawall.model.session import Session, Wish
from krawall.store.database import Transaction
from krawall.store.paging import Key, Page, decode_cursor, page_of
from krawall.store.plain import folded, from_text
from krawall.store.tables import sessions

COLUMNS = [sessions.c[name] for name in Session.__struct_fields__]

SORTS: dict[str, tuple[ColumnElement[Any], type[Key]]] = {
    "created_ns": (sessions.c.created_ns, int),
    "name": (sessions.c.folded, str),
    "cost_pico": (sessions.c.cost_pico, int),
    "errors": (sessions.c.errors, int),
    "turns": (sessions.c.turns, int),
    "conversations": (sessions.c.conversations, int),
    # What is not known yet comes first when the smallest comes first. NULLs would stand elsewhere on each database.
    "p95_ms": (func.coalesce(sessions.c.p95_ms, -1.0), float),
    "started_ns": (func.coalesce(sessions.c.started_ns, -1), int),
    "finished_ns": (func.coalesce(sessions.c.finished_ns, -1), int),
}
"""What a list can be ordered by, and of what type it is in a cursor."""

_SUMMED = ("conversations", "turns", "errors", "cost_pico")
_EXACT = ("state", "outcome", "verdict", "scenario", "target")


class Statistics(Record, frozen=True):
    """Sums over sessions. `outcomes` and `verdicts`: how many of each; sessions without one are not among them."""

    sessions: int
    conversations: int
    turns: int
    errors: int
    cost_pico: int
    outcomes: dict[str, int]
    verdicts: dict[str, int]


async def list_of(
    tx: Transaction, filters: Mapping[str, Any], sort: str, cursor: str | None, limit: int
) -> Page[Session]:
    """Return one page of sessions.

    Raises:
        DocumentError: there is no such order, or the cursor is of another list.
    """
    column, kind = _order(sort)
    down = sort.startswith("-")
    query: Select[Any] = select(*COLUMNS, column.label("sorted_by")).where(*_conditions(filters))
    if cursor is not None:
        value, id = decode_cursor(cursor, kind, str)
        here, there = tuple_(column, sessions.c.id), tuple_(value, id)
        query = query.where(here < there if down else here > there)
    order = (column.desc(), sessions.c.id.desc()) if down else (column, sessions.c.id)
    rows = await tx.all(query.order_by(*order).limit(limit + 1))
    return page_of(rows, limit, session_of, lambda row: (row.sorted_by, row.id))


async def count_of(tx: Transaction, filters: Mapping[str, Any]) -> int:
    """Return how many sessions the filters leave."""
    row = await tx.first(select(func.count()).select_from(sessions).where(*_conditions(filters)))
    return int(row[0]) if row else 0


async def statistics_of(tx: Transaction, since_ns: int, until_ns: int) -> Statistics:
    """Return sums over the sessions created from `since_ns` until before `until_ns`."""
    sums = [func.coalesce(func.sum(sessions.c[name]), 0).label(name) for name in _SUMMED]
    grouped: Select[Any] = (
        select(sessions.c.outcome, sessions.c.verdict, func.count().label("sessions"), *sums)
        .where(sessions.c.created_ns >= since_ns, sessions.c.created_ns < until_ns)
        .group_by(sessions.c.outcome, sessions.c.verdict)
    )
    rows = await tx.all(grouped)
    totals = {name: sum(int(row._mapping[name]) for row in rows) for name in ("sessions", *_SUMMED)}
    return Statistics(outcomes=_counts(rows, "outcome"), verdicts=_counts(rows, "verdict"), **totals)


def _counts(rows: Sequence[Row[Any]], column: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        word = row._mapping[column]
        if word is not None:
            counts[word] = counts.get(word, 0) + int(row.sessions)
    return counts


def session_of(row: Row[Any]) -> Session:
    """Return a row as a session."""
    fields = row._mapping
    values = {name: fields[name] for name in Session.__struct_fields__}
    return msgspec.convert(values | {"wish": from_text(row.wish, Wish)}, Session)


def _order(sort: str) -> tuple[ColumnElement[Any], type[Key]]:
    order = SORTS.get(sort.removeprefix("-"))
    if order is None:
        raise DocumentError(
            "query", [Place("sort", f"sessions are not ordered by {sort!r}; known: {', '.join(SORTS)}, or -NAME")]
        )
    return order


def _conditions(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        sessions.c[name] == filters[name] for name in _EXACT if filters.get(name) is not None
    ]
    if filters.get("search"):
        found.append(sessions.c.folded.contains(folded(filters["search"]), autoescape=True))
    if filters.get("created_from") is not None:
        found.append(sessions.c.created_ns >= filters["created_from"])
    if filters.get("created_to") is not None:
        found.append(sessions.c.created_ns < filters["created_to"])
    return found
