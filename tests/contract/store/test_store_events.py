from __future__ import annotations

import asyncio

import pytest

from krawall.errors import Internal, NotFound
from krawall.model.event import (
    BudgetReached,
    CredentialChanged,
    SessionPaused,
    SessionQueued,
    ShardLost,
    WorkerLost,
    kinds,
)
from krawall.model.session import State


async def test_an_event_comes_back_as_it_was_appended(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    lost = await store.events.append(ShardLost(1, 2, "wrk_ü", 3.5), "worker wrk_ü", session="ses_a")
    assert (lost.session, lost.number) == ("ses_a", 2)
    assert await store.events.get(lost.id) == lost
    assert await store.events.after(lost.id - 1) == [lost]
    assert await store.events.newest() == lost.id
    with pytest.raises(NotFound):
        await store.events.get(lost.id + 1)


async def test_a_session_numbers_its_own_events(store, make_session):
    for id in ("ses_a", "ses_b"):
        await store.sessions.create(make_session(id), b"{}", key=None)
    for id in ("ses_a", "ses_b", "ses_a"):
        await store.events.append(SessionPaused(), "ann", session=id)
    await store.events.append(WorkerLost("w", "h"), "system")
    assert [each.number for each in await store.events.after(session="ses_a")] == [1, 2, 3]
    assert [each.number for each in await store.events.after(2, session="ses_a")] == [3]
    assert [each.number for each in await store.events.after(session="ses_b")] == [1, 2]
    assert (await store.sessions.get("ses_a")).events == 3
    ids = [each.id for each in await store.events.after()]
    assert ids == sorted(ids)
    assert len(ids) == 6


async def test_events_of_a_session_that_is_not_there_are_refused(store):
    with pytest.raises(NotFound):
        await store.events.append(SessionPaused(), "ann", session="ses_none")
    assert await store.events.newest() == 0


async def test_numbers_have_no_gap_and_no_double_whoever_appends(store, other, make_session, undone):
    """Sixty tasks over two stores, some of which change their mind: 1..n, and ids in the same order."""
    await store.sessions.create(make_session(), b"{}", key=None)

    async def append(number: int) -> None:
        each = (store, other)[number % 2]
        if number % 5 == 0:
            async with undone(each) as tx:
                await each.events.append(BudgetReached(f"undone {number}"), "ann", session="ses_a", tx=tx)
        else:
            await each.events.append(BudgetReached(f"kept {number}"), "ann", session="ses_a")

    async with asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(append(number))
    events = await store.events.after(session="ses_a")
    assert [each.number for each in events] == list(range(1, 50))
    assert [each.id for each in events] == sorted(each.id for each in events)
    assert {each.body.cap for each in events[1:]} == {f"kept {number}" for number in range(60) if number % 5}


async def test_who_reads_on_from_the_newest_misses_nothing(store, other, make_session):
    """Ids grow in the order of commits: what appears later never has a smaller one."""
    for id in ("ses_a", "ses_b"):
        await store.sessions.create(make_session(id), b"{}", key=None)
    seen, last = [], 0

    async def append(each, id: str) -> None:
        for _ in range(15):
            await each.events.append(SessionPaused(), "ann", session=id)

    async def read(writing: asyncio.Future[list[None]]) -> None:
        nonlocal last
        while True:
            ended = writing.done()
            found = await other.events.after(last)
            seen.extend(found)
            last = found[-1].id if found else last
            if ended and not found:
                return

    writers = asyncio.gather(*(append(each, id) for each in (store, other) for id in ("ses_a", "ses_b")))
    await asyncio.gather(writers, read(writers))
    assert [each.id for each in seen] == [each.id for each in await store.events.after(limit=1000)]
    assert len(seen) == 62


async def test_the_audit_view_filters_and_pages(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    for number in range(5):
        await store.events.append(CredentialChanged(f"c{number}", "set"), "ann" if number % 2 else "bob")
    every = (await store.events.list()).items
    assert [each.id for each in every] == sorted((each.id for each in every), reverse=True)
    assert len((await store.events.list(actor="ann", types=["credential.changed"])).items) == 2
    assert len((await store.events.list(types=["session.*", "worker.lost"])).items) == 1
    assert len((await store.events.list(types=["*"])).items) == 6
    assert (await store.events.list(types=["nonsense"])).items == []
    assert [each.body for each in (await store.events.list(session="ses_a")).items] == [
        SessionQueued("name ses_a", "h", 2)
    ]
    paged, cursor = [], None
    while True:
        page = await store.events.list(cursor=cursor, limit=4)
        paged += page.items
        if (cursor := page.next) is None:
            break
    assert paged == every


async def test_listeners_hear_of_what_was_committed_only(store, make_session, undone):
    heard = []
    store.listen(lambda events: heard.append([each.body for each in events]))
    async with undone(store) as tx:
        await store.events.append(WorkerLost("undone", "h"), "system", tx=tx)
    async with store.begin() as tx:
        await store.sessions.create(make_session(), b"{}", key=None, tx=tx)
        await store.events.append(WorkerLost("w", "h"), "system", tx=tx)
        assert heard == []
    assert heard == [[SessionQueued("name ses_a", "h", 2), WorkerLost("w", "h")]]


async def test_a_listener_reads_what_it_hears_of(store, other):
    """It is called after the commit, so another reader sees the rows already."""
    asked = []
    store.listen(lambda events: asked.append(asyncio.ensure_future(other.events.get(events[0].id))))
    made = await store.events.append(WorkerLost("w", "h"), "system")
    assert await asyncio.gather(*asked) == [made]


async def test_a_transaction_without_a_place_in_the_order_appends_nothing(store):
    async with store.database.begin(ordered=False) as tx:
        with pytest.raises(Internal, match="order of events"):
            await store.events.append(WorkerLost("w", "h"), "system", tx=tx)
    assert await store.events.newest() == 0


async def test_ids_of_deleted_events_are_not_given_again(store, make_session):
    finished = make_session(state=State.finished)
    await store.sessions.take_in(finished, b"{}", summary=b"{}")
    await store.sessions.delete("ses_a", "ann")
    [told] = await store.events.after()
    assert (told.id, told.session, told.body.session) == (2, None, "ses_a")


def test_every_kind_of_event_has_a_name():
    assert len(kinds()) == 22
