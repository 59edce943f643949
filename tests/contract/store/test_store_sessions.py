from __future__ import annotations

import asyncio

import msgspec
import pytest

from krawall.errors import Conflict, Internal, NotFound
from krawall.model.event import SessionDeleted, SessionImported, SessionPaused, SessionQueued, SessionStopping
from krawall.model.session import Outcome, ShardState, State, Verdict, Wish


async def test_a_session_comes_back_as_it_was_asked_for(store, make_session):
    asked = make_session(
        name="Übung\x7f", p95_ms=0.1, seed=2**63 - 1, wish=Wish("drain", "why", True, 3, 7, 0.5), restart_of="ses_0"
    )
    started = await store.sessions.create(asked, b"{plan}\x00\xff", key=None)
    assert started.created
    assert await store.sessions.get("ses_a") == started.session == msgspec.structs.replace(asked, events=1)
    assert await store.sessions.plan("ses_a") == b"{plan}\x00\xff"
    assert await store.sessions.summary("ses_a") is None
    assert await store.sessions.picture("ses_a") is None
    assert await store.sessions.saved("ses_a") == b""
    [event] = await store.events.after()
    assert event.body == SessionQueued(asked.name, "h", 2, "ses_0")
    assert (event.session, event.number, event.actor) == ("ses_a", 1, "ann")


async def test_it_has_its_shards_from_the_beginning(store, make_session):
    await store.sessions.create(make_session(shards=3), b"{}", key=None)
    shards = await store.shards.of("ses_a")
    assert [(each.number, each.attempt, each.state) for each in shards] == [
        (n, 0, ShardState.waiting) for n in range(3)
    ]


async def test_one_request_makes_one_session_however_often_and_wherever_it_is_repeated(store, other, make_session):
    asked = [
        each.sessions.create(make_session(f"ses_{n}"), b"{}", key="k", request_hash="r")
        for n, each in enumerate([store, other] * 6)
    ]
    results = await asyncio.gather(*asked)
    assert sum(each.created for each in results) == 1
    assert {each.session.id for each in results} == {(await store.sessions.list()).items[0].id}
    assert await store.sessions.count() == 1
    assert await store.events.newest() == 1


async def test_a_key_of_another_request_is_refused(store, make_session):
    await store.sessions.create(make_session(), b"{}", key="k", request_hash="one")
    with pytest.raises(Conflict, match="idempotency key 'k'"):
        await store.sessions.create(make_session("ses_b"), b"{}", key="k", request_hash="two")
    await store.sessions.create(make_session("ses_b"), b"{}", key="l", request_hash="two")
    with pytest.raises(Conflict):
        await store.sessions.create(make_session("ses_b"), b"{}", key=None)


async def test_nothing_of_a_creation_stays_that_came_to_nothing(store, make_session, undone):
    async with undone(store) as tx:
        await store.sessions.create(make_session(), b"{}", key="k", tx=tx)
        assert (await store.sessions.get("ses_a", tx=tx)).id == "ses_a"
    assert await store.sessions.count() == 0
    assert await store.shards.of("ses_a") == []
    assert await store.events.newest() == 0


async def test_the_newest_conductor_writes_and_the_one_before_changes_nothing(store, other, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    old = await store.sessions.claim("ses_a", "wrk_1")
    assert await store.sessions.write("ses_a", old, state=State.starting, saved=b"one", turns=1)
    new = await other.sessions.claim("ses_a", "wrk_2")
    before = await store.sessions.get("ses_a")
    assert (old, new, before.worker, before.conductor) == (1, 2, "wrk_2", 2)
    zombie = {"state": State.running, "turns": 99, "picture": b"p", "saved": b"zombie", "summary": b"s", "p95_ms": 9.0}
    assert not await store.sessions.write("ses_a", old, **zombie)
    assert not await store.sessions.write("ses_a", new + 1, **zombie)
    assert not await store.sessions.write("ses_none", new, **zombie)
    assert await store.sessions.get("ses_a") == before
    assert await store.sessions.saved("ses_a") == b"one"
    assert await store.sessions.picture("ses_a") is None
    assert await other.sessions.write("ses_a", new, state=State.running, turns=2, picture=b"p", saved=b"two")
    assert (await store.sessions.get("ses_a")).turns == 2
    assert await store.sessions.saved("ses_a") == b"two"


async def test_of_many_claims_each_is_a_fence_of_its_own(store, other, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    fences = await asyncio.gather(*(each.sessions.claim("ses_a", "w") for each in [store, other] * 8))
    assert sorted(fences) == list(range(1, 17))
    wrote = [await store.sessions.write("ses_a", fence, turns=fence) for fence in sorted(fences)]
    assert wrote == [False] * 15 + [True]


async def test_a_zombie_that_writes_in_a_transaction_of_its_own_changes_nothing(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    old = await store.sessions.claim("ses_a", "w")
    await store.sessions.claim("ses_a", "w")
    async with store.begin() as tx:
        assert not await store.sessions.write("ses_a", old, turns=5, tx=tx)
    assert (await store.sessions.get("ses_a")).turns == 0


async def test_states_follow_the_table(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    fence = await store.sessions.claim("ses_a", "w")
    with pytest.raises(Internal, match="queued to running"):
        await store.sessions.write("ses_a", fence, state=State.running, turns=5)
    assert (await store.sessions.get("ses_a")).turns == 0
    for state in (State.starting, State.starting, State.running, State.stopping):
        assert await store.sessions.write("ses_a", fence, state=state)
    assert await store.sessions.write(
        "ses_a", fence, state=State.finished, outcome=Outcome.aborted, verdict=Verdict.failed, exit_code=3, reason="r",
        reason_kind="budget", started_ns=5, finished_ns=9, conversations=1, turns=2, errors=3, cost_pico=2**60,
        p95_ms=1.5, summary=b"{}",
    )  # fmt: skip
    done = await store.sessions.get("ses_a")
    assert (done.state, done.outcome, done.verdict, done.exit_code) == (
        State.finished,
        Outcome.aborted,
        Verdict.failed,
        3,
    )
    assert (done.started_ns, done.finished_ns, done.cost_pico, done.p95_ms) == (5, 9, 2**60, 1.5)


async def test_what_is_finished_does_not_change(store, make_session):
    await store.sessions.take_in(make_session(state=State.finished), b"{}", summary=b"{}")
    with pytest.raises(Conflict, match="finished"):
        await store.sessions.claim("ses_a", "w")
    with pytest.raises(Conflict, match="finished"):
        await store.sessions.write("ses_a", 0, turns=1)
    with pytest.raises(Conflict, match="finished"):
        await store.sessions.wish("ses_a", lambda wish: wish, "ann", SessionPaused())
    assert await store.events.newest() == 1


async def test_a_wish_and_its_event_are_one_change(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    session = await store.sessions.wish(
        "ses_a",
        lambda wish: msgspec.structs.replace(wish, stop="drain", reason="enough"),
        "bob",
        SessionStopping("enough"),
    )
    assert session.wish == Wish("drain", "enough")
    assert await store.sessions.get("ses_a") == session
    newest = (await store.events.after(session="ses_a"))[-1]
    assert (newest.body, newest.actor, newest.number) == (SessionStopping("enough"), "bob", 2)
    with pytest.raises(NotFound):
        await store.sessions.wish("ses_none", lambda wish: wish, "ann", SessionPaused())


async def test_wishes_at_the_same_time_are_all_granted(store, other, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)

    def more(wish: Wish) -> Wish:
        return msgspec.structs.replace(wish, epoch=wish.epoch + 1)

    await asyncio.gather(*(each.sessions.wish("ses_a", more, "ann", SessionPaused()) for each in [store, other] * 8))
    assert (await store.sessions.get("ses_a")).wish.epoch == 16


async def test_a_deleted_session_leaves_an_event_and_nothing_else(store, make_session):
    await store.sessions.create(make_session(), b"{}", key="k")
    await store.ticks.add("ses_a", 0, b"{}")
    with pytest.raises(Conflict, match="queued"):
        await store.sessions.delete("ses_a", "ann")
    fence = await store.sessions.claim("ses_a", "w")
    await store.shards.claim("ses_a", 0, "w")
    await store.sessions.write("ses_a", fence, state=State.finished, summary=b"{}")
    await store.sessions.delete("ses_a", "ann")
    with pytest.raises(NotFound):
        await store.sessions.get("ses_a")
    with pytest.raises(NotFound):
        await store.sessions.plan("ses_a")
    assert await store.shards.of("ses_a") == []
    assert await store.ticks.since("ses_a", 0) == []
    assert [each.body for each in await store.events.after()] == [SessionDeleted("ses_a", "name ses_a")]
    with pytest.raises(NotFound):
        await store.sessions.delete("ses_a", "ann")
    assert (await store.sessions.create(make_session(), b"{}", key="k")).created


async def test_a_session_that_was_played_elsewhere_is_taken_in_once(store, make_session):
    done = make_session(state=State.finished, outcome=Outcome.completed, finished_ns=5, turns=3)
    taken = await store.sessions.take_in(done, b"{plan}", summary=b"{sum}", picture=b"{pic}")
    assert taken == await store.sessions.get("ses_a") == msgspec.structs.replace(done, events=1)
    assert await store.sessions.summary("ses_a") == b"{sum}"
    assert await store.sessions.picture("ses_a") == b"{pic}"
    assert [each.body for each in await store.events.after()] == [SessionImported("name ses_a")]
    with pytest.raises(Conflict, match="already"):
        await store.sessions.take_in(done, b"{plan}", summary=b"{sum}")
    with pytest.raises(Conflict, match="running"):
        await store.sessions.take_in(make_session("ses_b", state=State.running), b"", summary=b"")


async def test_upkeep_finds_what_it_looks_after(store, make_session):
    await store.sessions.create(make_session("ses_q", created_ns=5), b"{}", key=None)
    await store.sessions.create(make_session("ses_r", created_ns=4, state=State.running), b"{}", key=None)
    for id, at in (("ses_x", 10), ("ses_y", 20)):
        done = make_session(id, state=State.finished, finished_ns=at, created_ns=at)
        await store.sessions.take_in(done, b"{}", summary=b"{}")
    assert [each.id for each in await store.sessions.unfinished()] == ["ses_r", "ses_q"]
    assert await store.sessions.older_than(20) == ["ses_x"]
    assert await store.sessions.not_compacted() == ["ses_x", "ses_y"]
    await store.sessions.mark_compacted("ses_x")
    assert await store.sessions.not_compacted() == ["ses_y"]
    assert (await store.sessions.get("ses_x")).compacted
    with pytest.raises(NotFound):
        await store.sessions.mark_compacted("ses_none")


async def test_a_tick_is_kept_once_per_second_and_the_last_one_counts(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    for second in (2, 0, 1, 1):
        await store.ticks.add("ses_a", second, b"{%d}" % second)
    await store.ticks.add("ses_a", 1, b"{new}")
    assert await store.ticks.since("ses_a", 0) == [(0, b"{0}"), (1, b"{new}"), (2, b"{2}")]
    assert await store.ticks.since("ses_a", 1, limit=1) == [(1, b"{new}")]
    with pytest.raises(Conflict):
        await store.ticks.add("ses_none", 0, b"{}")
