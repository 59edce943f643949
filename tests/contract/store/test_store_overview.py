"""What the dashboard reads of sessions beside their rows: live pictures, names, and the times of a stretch of time."""

from __future__ import annotations

from krawall.ids import new_id
from krawall.model.session import Outcome, Session, State


async def _made(store, created_ns, name="s"):
    session = Session(
        id=new_id("ses"), name=name, scenario="s", target="t", plan_hash="0", seed=1, shards=1, state=State.queued,
        created_ns=created_ns, actor="ada",
    )  # fmt: skip
    await store.sessions.create(session, b"{}", key=None)
    return session.id, await store.sessions.claim(session.id, "wrk_1")


async def test_pictures_are_those_of_sessions_that_are_not_finished(store):
    live, fence = await _made(store, 100)
    await store.sessions.write(live, fence, picture=b"{1}")
    over, fence = await _made(store, 101)
    await store.sessions.write(over, fence, state=State.finished, outcome=Outcome.completed, picture=b"{2}")
    await _made(store, 102)
    assert await store.sessions.pictures() == {live: b"{1}"}


async def test_times_are_kept_at_the_end_and_read_by_when_a_session_was_asked_for(store):
    ids = []
    for created_ns in (100, 150, 199, 200):
        id, fence = await _made(store, created_ns)
        await store.sessions.write(id, fence, state=State.finished, latencies=str(created_ns).encode())
        ids.append(id)
    without, fence = await _made(store, 160)
    await store.sessions.write(without, fence, state=State.finished)
    await _made(store, 170)
    assert await store.sessions.ended(100, 200) == [ids[0], ids[1], without, ids[2]]
    assert sorted(await store.sessions.latencies(100, 200)) == [b"100", b"150", b"199"]
    async with store.database.read() as tx:
        assert await store.sessions.latencies(200, 300, tx) == [b"200"]


async def test_names_of_sessions_that_are_there(store):
    id, _ = await _made(store, 100, "Late parcel")
    assert await store.sessions.names([id, "ses_gone"]) == {id: "Late parcel"}
    assert await store.sessions.names([]) == {}
