"""The shelf of scenarios: what each is about, how many messages a conversation of it has, and when it was last played."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from krawall.errors import KrawallError
from krawall.model.kept import DocumentKind, Kept
from krawall.model.session import Session
from krawall.model.step import count_messages
from krawall.plugins.assemble import assemble, scenario_from
from krawall.services.draft import Draft
from krawall.store.store import Store

MOST = 2_000
"""Scenarios that are looked through."""
RECENT = 200
"""Sessions that are looked through for the last use of all scenarios; beyond them each shown one is asked for."""
OTHER = "other"
_KNOWN = 4_000


@dataclass(frozen=True)
class Facts:
    """What a scenario is, as far as a list says it. `messages`: of one conversation on average, None where it does not fit
    its model any more; `most`: at most, None where there is no bound. `steps` counts those inside of others too."""

    category: str
    steps: int
    messages: float | None
    most: int | None


@dataclass(frozen=True)
class Shelved:
    """A scenario on the shelf. `last`: its newest session."""

    kept: Kept
    facts: Facts
    last: Session | None = None


@dataclass(frozen=True)
class Shelf:
    """A page of the shelf. `found`: how many there are on all pages; `categories`: those that occur, whatever is filtered."""

    rows: Sequence[Shelved]
    found: int
    categories: Sequence[str]


_known: OrderedDict[tuple[str, str], Facts] = OrderedDict()


def facts_of(kept: Kept) -> Facts:
    """Return the facts of a scenario; those of a revision are counted once."""
    key = (kept.id, kept.etag)
    if key not in _known:
        _known[key] = _counted(kept.body)
        if len(_known) > _KNOWN:
            _known.popitem(last=False)
    return _known[key]


def _counted(body: Mapping[str, Any]) -> Facts:
    assemble()
    category = str(body.get("category") or OTHER)
    try:
        scenario = scenario_from({"name": "counted", **body}, "scenario")
        steps = sum(1 for _ in Draft.of(dict(body)).walk())
    except (KrawallError, KeyError):  # kept before a plugin of its steps was taken away
        found = body.get("steps")
        return Facts(category, len(found) if isinstance(found, list) else 0, None, None)
    expected, most = count_messages(scenario.steps)
    return Facts(category, steps, float(expected), None if math.isinf(most) else int(most))


SORTS: dict[str, Callable[[Shelved], Any]] = {
    "name": lambda row: row.kept.name.casefold(),
    "category": lambda row: row.facts.category,
    "steps": lambda row: row.facts.steps,
    "messages": lambda row: row.facts.messages or 0.0,
    "used": lambda row: row.last.created_ns if row.last else 0,
    "changed": lambda row: row.kept.updated_ns,
}
"""What the shelf can be ordered by."""


async def shelf(
    store: Store,
    *,
    search: str = "",
    category: str = "",
    archived: bool = False,
    sort: str = "name",
    page: int = 1,
    limit: int = 50,
) -> Shelf:
    """Return a page (from 1 on) of the scenarios, ordered by a name of SORTS, `-` for the largest first."""
    kept = await _all(store, search, archived)
    last, whole = await _last_played(store)
    rows = [Shelved(each, facts_of(each), last.get(each.name)) for each in kept]
    categories = sorted({row.facts.category for row in rows})
    left = [row for row in rows if not category or row.facts.category == category]
    left.sort(key=SORTS["name"])
    left.sort(key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    shown = left[(page - 1) * limit : page * limit]
    return Shelf(shown if whole else [await _looked_up(store, row) for row in shown], len(left), categories)


async def _all(store: Store, search: str, archived: bool) -> list[Kept]:
    found: list[Kept] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = await store.documents.list(
            DocumentKind.scenario, archived=archived, search=search, cursor=cursor, limit=100
        )
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    return found


async def _last_played(store: Store) -> tuple[dict[str, Session], bool]:
    """Return the newest session of each scenario that the newest sessions tell of, and whether these are all."""
    recent = await store.sessions.list(limit=RECENT)
    return {session.scenario: session for session in reversed(recent.items)}, recent.next is None


async def _looked_up(store: Store, row: Shelved) -> Shelved:
    if row.last is not None:
        return row
    found = (await store.sessions.list(scenario=row.kept.name, limit=1)).items
    return Shelved(row.kept, row.facts, found[0] if found else None)
