from __future__ import annotations

import asyncio

import pytest

from krawall.errors import Conflict, NotFound
from krawall.model.session import Shard, ShardState, State

PLAYING, DONE, FAILED, WAITING = ShardState.playing, ShardState.done, ShardState.failed, ShardState.waiting


@pytest.fixture
async def session(store, make_session):
    await store.sessions.create(make_session(), b"{}", key=None)
    return "ses_a"


async def test_a_claim_makes_an_attempt_and_its_reports_are_kept(store, session):
    claimed = await store.shards.claim(session, 1, "wrk_1")
    assert (claimed.number, claimed.attempt, claimed.state, claimed.worker) == (1, 1, PLAYING, "wrk_1")
    assert claimed.reported_ns > 0
    assert await store.shards.report(session, 1, 1, b"\x00\xff", PLAYING)
    kept = await store.shards.get(session, 1)
    assert (kept.progress, kept.state) == (b"\x00\xff", PLAYING)
    assert kept.reported_ns >= claimed.reported_ns
    assert (await store.shards.get(session, 0)) == Shard(session, 0, 0, WAITING)


async def test_a_zombies_report_changes_nothing(store, other, session):
    await store.shards.claim(session, 0, "wrk_1")
    assert await store.shards.report(session, 0, 1, b"one", PLAYING)
    await other.shards.claim(session, 0, "wrk_2")
    before = await store.shards.get(session, 0)
    assert (before.attempt, before.worker, before.progress) == (2, "wrk_2", b"")
    for attempt in (0, 1, 3):
        for state in ShardState:
            assert not await store.shards.report(session, 0, attempt, b"zombie", state)
    assert await store.shards.get(session, 0) == before


async def test_what_a_replaced_attempt_reported_last_is_kept(store, session):
    await store.shards.claim(session, 0, "wrk_1")
    await store.shards.report(session, 0, 1, b"one", PLAYING)
    await store.shards.claim(session, 0, "wrk_2")
    await store.shards.claim(session, 0, "wrk_3")
    await store.shards.report(session, 0, 3, b"three", PLAYING)
    await store.shards.claim(session, 0, "wrk_4")
    earlier = await store.shards.earlier(session)
    assert [(each.attempt, each.worker, each.progress) for each in earlier] == [
        (1, "wrk_1", b"one"),
        (3, "wrk_3", b"three"),
    ]


@pytest.mark.parametrize("end", [DONE, FAILED])
async def test_an_end_is_final_and_may_be_said_twice(store, session, end):
    await store.shards.claim(session, 0, "w")
    assert await store.shards.report(session, 0, 1, b"end", end)
    assert await store.shards.report(session, 0, 1, b"end", end)
    other = FAILED if end is DONE else DONE
    for state in (PLAYING, WAITING, other):
        assert not await store.shards.report(session, 0, 1, b"more", state)
    assert (await store.shards.get(session, 0)).progress == b"end"
    with pytest.raises(Conflict, match=end.value):
        await store.shards.claim(session, 0, "w")


async def test_a_shard_that_was_given_back_can_be_claimed(store, session):
    await store.shards.claim(session, 0, "w")
    assert await store.shards.report(session, 0, 1, b"so far", WAITING)
    assert not await store.shards.report(session, 0, 1, b"more", PLAYING)
    assert (await store.shards.claim(session, 0, "w")).attempt == 2
    assert [each.progress for each in await store.shards.earlier(session)] == [b"so far"]


async def test_nobody_plays_on_in_a_finished_session(store, session):
    await store.shards.claim(session, 0, "w")
    fence = await store.sessions.claim(session, "w")
    await store.sessions.write(session, fence, state=State.finished)
    assert not await store.shards.report(session, 0, 1, b"x", PLAYING)
    with pytest.raises(Conflict, match="finished"):
        await store.shards.claim(session, 1, "w")
    with pytest.raises(NotFound):
        await store.shards.claim(session, 2, "w")
    with pytest.raises(NotFound):
        await store.shards.claim("ses_none", 0, "w")


async def test_of_claims_at_the_same_time_one_stays_in_charge(store, other, session):
    claimed = await asyncio.gather(*(each.shards.claim(session, 0, "w") for each in [store, other] * 6))
    attempts = [each.attempt for each in claimed]
    assert sorted(attempts) == list(range(1, 13))
    wrote = await asyncio.gather(
        *(other.shards.report(session, 0, attempt, b"%d" % attempt, PLAYING) for attempt in attempts)
    )
    assert [attempt for attempt, won in zip(attempts, wrote, strict=True) if won] == [12]
    assert (await store.shards.get(session, 0)).progress == b"12"
