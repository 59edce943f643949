from __future__ import annotations

import random

import pytest

from krawall.errors import DocumentError
from krawall.model.session import Outcome, State, Verdict
from krawall.store.listing import SORTS, Statistics


@pytest.fixture
async def many(store, make_session):
    """Forty sessions whose values repeat, so that orders have ties, some of them unfinished and without a p95."""
    draw = random.Random(5)
    made = []
    async with store.begin() as tx:
        for number in range(40):
            done = number % 4 != 0
            session = make_session(
                f"ses_{draw.randrange(10**6):06}",
                name=draw.choice(["Übung", "alpha", "Alpha", "zeta", "100%"]),
                scenario=draw.choice(["checkout", "support"]),
                target=draw.choice(["shop", "bank"]),
                state=State.finished if done else State.queued,
                outcome=draw.choice(list(Outcome)) if done else None,
                verdict=draw.choice(list(Verdict)) if done else None,
                created_ns=draw.randrange(8),
                cost_pico=draw.randrange(4),
                errors=draw.randrange(4),
                turns=draw.randrange(4),
                conversations=draw.randrange(4),
                p95_ms=draw.choice([0.0, 1.5, 2.25]) if done else None,
                started_ns=draw.randrange(4) if done else None,
                finished_ns=draw.randrange(4) if done else None,
                events=1,
                compacted=False,
            )
            await store.sessions.create(session, b"{}", key=None, tx=tx)
            made.append(session)
    return made


async def test_every_order_pages_through_every_session_once(store, many):
    for sort in [sign + name for name in SORTS for sign in ("", "-")]:
        seen, cursor = [], None
        while True:
            page = await store.sessions.list(sort=sort, cursor=cursor, limit=15)
            seen += page.items
            if (cursor := page.next) is None:
                break
        assert sorted(each.id for each in seen) == sorted(each.id for each in many)
        name = sort.removeprefix("-")
        values = [(each.name.casefold() if name == "name" else getattr(each, name)) for each in seen]
        values = [(-1 if value is None else value) for value in values]
        assert values == sorted(values, reverse=sort.startswith("-")), sort


FILTERS = [
    ({"state": State.queued}, lambda each: each.state is State.queued),
    ({"outcome": Outcome.aborted}, lambda each: each.outcome is Outcome.aborted),
    ({"verdict": Verdict.passed}, lambda each: each.verdict is Verdict.passed),
    ({"scenario": "support"}, lambda each: each.scenario == "support"),
    ({"target": "bank", "state": State.finished}, lambda each: each.target == "bank" and each.outcome is not None),
    ({"search": "ALPHA"}, lambda each: each.name.lower() == "alpha"),
    ({"search": "übung"}, lambda each: each.name == "Übung"),
    ({"search": "00%"}, lambda each: each.name == "100%"),
    ({"search": "BANK"}, lambda each: each.target == "bank"),
    ({"search": "%"}, lambda each: each.name == "100%"),
    ({"created_from": 3, "created_to": 6}, lambda each: 3 <= each.created_ns < 6),
    ({"search": "nobody"}, lambda each: False),
    ({}, lambda each: True),
]


async def test_filters_leave_what_fits(store, many):
    for filters, fits in FILTERS:
        listed = await store.sessions.list(**filters, limit=100)
        assert sorted(each.id for each in listed.items) == sorted(each.id for each in many if fits(each)), filters
        assert await store.sessions.count(**filters) == len(listed.items)


async def test_the_newest_come_first_unless_said_otherwise(store, many):
    listed = (await store.sessions.list(limit=100)).items
    assert listed == sorted(many, key=lambda each: (each.created_ns, each.id), reverse=True)


async def test_a_session_that_is_added_meanwhile_moves_nothing(store, many, make_session):
    first = await store.sessions.list(limit=10)
    await store.sessions.create(make_session("ses_new", created_ns=10**9), b"{}", key=None)
    rest = await store.sessions.list(limit=100, cursor=first.next)
    assert len({each.id for each in first.items + rest.items}) == 40


async def test_an_unknown_order_is_refused(store):
    for sort in ("", "plan", "-", "--name", "id; drop"):
        with pytest.raises(DocumentError, match="sort"):
            await store.sessions.list(sort=sort)


async def test_a_cursor_of_another_order_is_refused(store, many):
    page = await store.sessions.list(sort="name", limit=3)
    with pytest.raises(DocumentError, match="cursor"):
        await store.sessions.list(sort="created_ns", cursor=page.next)


async def test_statistics_add_up(store, many):
    within = [each for each in many if 2 <= each.created_ns < 7]
    sums = await store.sessions.statistics(2, 7)
    assert sums == Statistics(
        sessions=len(within),
        conversations=sum(each.conversations for each in within),
        turns=sum(each.turns for each in within),
        errors=sum(each.errors for each in within),
        cost_pico=sum(each.cost_pico for each in within),
        outcomes=_counts(each.outcome for each in within),
        verdicts=_counts(each.verdict for each in within),
    )
    assert await store.sessions.statistics(100, 200) == Statistics(0, 0, 0, 0, 0, {}, {})


def _counts(words):
    found = [str(word) for word in words if word is not None]
    return {word: found.count(word) for word in found}
