from __future__ import annotations

import asyncio

from krawall.model.event import WorkerLost
from krawall.model.kept import WorkerFacts


def facts(id: str, seen_ns: int = 10, **fields: object) -> WorkerFacts:
    known = {"host": "h", "pid": 1, "version": "1", "state": "ready", "started_ns": 1, "slots": 2}
    return WorkerFacts(id=id, seen_ns=seen_ns, **(known | fields))


async def test_a_worker_is_known_by_its_last_heartbeat(store):
    await store.workers.beat(facts("wrk_a", state="starting"))
    newest = facts("wrk_a", 20, playing=["ses_x"], plugins={"p": "1"}, lag_ms=0.5, memory=2**40)
    await store.workers.beat(newest)
    await store.workers.beat(facts("wrk_b", 20, started_ns=2))
    assert await store.workers.list() == [facts("wrk_b", 20, started_ns=2), newest]


async def test_a_silent_worker_is_given_up_once(store, other):
    await store.workers.beat(facts("wrk_a", 10))
    await store.workers.beat(facts("wrk_b", 30))
    await store.workers.beat(facts("wrk_c", 10, state="gone"))
    given_up = await asyncio.gather(*(each.workers.lost(20) for each in [store, other] * 4))
    assert sorted(len(each) for each in given_up) == [0] * 7 + [1]
    assert [each.body for each in await store.events.after()] == [WorkerLost("wrk_a", "h")]
    states = {each.id: each.state for each in await store.workers.list()}
    assert states == {"wrk_a": "lost", "wrk_b": "ready", "wrk_c": "gone"}


async def test_a_lost_worker_that_comes_back_can_be_lost_again(store):
    await store.workers.beat(facts("wrk_a", 10))
    await store.workers.lost(20)
    await store.workers.beat(facts("wrk_a", 30))
    assert [each.state for each in await store.workers.list()] == ["ready"]
    assert [each.id for each in await store.workers.lost(40)] == ["wrk_a"]
    assert await store.events.newest() == 2


async def test_a_goodbye_is_no_loss(store):
    await store.workers.beat(facts("wrk_a", playing=["ses_x"]))
    await store.workers.leave("wrk_a")
    await store.workers.leave("wrk_none")
    assert await store.workers.lost(100) == []
    assert await store.workers.list() == [facts("wrk_a", state="gone")]


async def test_who_is_away_for_long_is_forgotten(store):
    await store.workers.beat(facts("wrk_a", 10))
    await store.workers.beat(facts("wrk_b", 10, state="gone"))
    await store.workers.beat(facts("wrk_c", 30, state="gone"))
    assert await store.workers.forget(20) == 1
    assert sorted(each.id for each in await store.workers.list()) == ["wrk_a", "wrk_c"]
