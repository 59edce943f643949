"""Which targets' sessions went wrong lately, and the newest seconds of a session."""

from __future__ import annotations

from krawall.ids import new_id
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.store.trouble import TargetTrouble, failing_targets


async def ended(store, target, created_ns, outcome, verdict=Verdict.none):
    session = Session(
        id=new_id("ses"), name="s", scenario="s", target=target, plan_hash="0", seed=1, shards=1, state=State.queued,
        created_ns=created_ns, actor="ada",
    )  # fmt: skip
    await store.sessions.create(session, b"{}", key=None)
    fence = await store.sessions.claim(session.id, "wrk_1")
    if outcome is not None:
        await store.sessions.write(session.id, fence, state=State.finished, outcome=outcome, verdict=verdict)
    return session


async def failing(store, since_ns, limit):
    async with store.database.read() as tx:
        return await failing_targets(tx, since_ns, limit)


async def test_the_worst_target_comes_first_and_those_that_do_well_do_not_come(store):
    await ended(store, "good", 100, Outcome.completed, Verdict.passed)
    await ended(store, "stopped", 100, Outcome.cancelled)
    await ended(store, "busy", 100, None)
    await ended(store, "slow", 101, Outcome.completed, Verdict.failed)
    await ended(store, "dead", 102, Outcome.failed)
    await ended(store, "dead", 103, Outcome.aborted)
    await ended(store, "dead", 104, Outcome.completed, Verdict.passed)
    await ended(store, "old", 99, Outcome.failed)
    found = await failing(store, 100, 10)
    assert found == [TargetTrouble("dead", 3, 2, 103), TargetTrouble("slow", 1, 1, 101)]
    assert await failing(store, 100, 1) == found[:1]
    assert await failing(store, 200, 10) == []


async def test_the_newest_seconds_come_in_order(store):
    session = await ended(store, "bot", 100, None)
    for second in (3, 1, 2, 5):
        await store.ticks.add(session.id, second, b"%d" % second)
    assert await store.ticks.last(session.id, 3) == [(2, b"2"), (3, b"3"), (5, b"5")]
    assert await store.ticks.last("ses_nobody", 3) == []
