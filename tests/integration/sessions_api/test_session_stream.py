"""The stream of one session: nothing lost, nothing doubled, whatever happens to the bus, the reader or the server."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from krawall.api import following
from krawall.model.account import Role
from krawall.model.event import SessionAdjusted, SessionPaused, SessionResumed, ThresholdBreached
from krawall.model.summary import Point
from krawall.testing.served import PATIENCE_S, finish, keep, stream

POINT = Point(0, 1, 2, 0, 10.0, 20.0, 30.0, 5.0, 6.0, 40, 0.01)


def a_point(second):
    return msgspec.json.encode(msgspec.structs.replace(POINT, at_s=second))


async def publish_tick(app, id, second, **more):
    tick = {"second": second, "point": POINT, "picture": None, "newest": second * 2, **more}
    await app.bus.publish(f"session.{id}", msgspec.json.encode({"tick": tick}))


async def append(app, id, body=None):
    return await app.store.events.append(body or SessionPaused(), "ada", session=id)


async def test_first_comes_a_snapshot_with_the_number_it_is_true_for(app, client):
    session = await keep(app)
    for second in range(130):
        await app.store.ticks.add(session.id, second, a_point(second))
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as following_it:
        first = await following_it.next()
        snapshot = (await following_it.until("snapshot"))[0]
    assert first.retry == "1000"
    assert snapshot.id == "1"
    assert snapshot.data["event"] == 1
    assert snapshot.data["session"]["id"] == session.id
    assert [tick["second"] for tick in snapshot.data["ticks"]] == list(range(10, 130))
    assert snapshot.data["ticks"][0]["point"]["at_s"] == 10
    headers = following_it.response.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers


async def test_events_follow_with_their_numbers_and_ticks_without(app, client):
    session = await keep(app)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
        await reader.until("snapshot")
        await append(app, session.id)
        paused = (await reader.until("event"))[-1]
        await publish_tick(app, session.id, 4)
        tick = (await reader.until("tick"))[-1]
    assert (paused.id, paused.data["number"], paused.data["type"]) == ("2", 2, "session.paused")
    assert tick.id is None
    assert tick.data["second"] == 4
    assert tick.data["newest"] == 8


async def test_a_reader_that_comes_again_gets_what_it_missed_and_nothing_twice(app, client):
    session = await keep(app)
    for body in (SessionPaused(), SessionResumed(), SessionAdjusted(users=3)):
        await append(app, session.id, body)
    path = f"/api/v1/sessions/{session.id}/stream"
    async with stream(client, path, headers={"Last-Event-ID": "2"}, params={"after": 0}) as reader:
        snapshot = (await reader.until("snapshot"))[-1]
        await append(app, session.id)
        seen = [(await reader.until("event"))[-1].id for _ in range(3)]
    assert snapshot.id == "2"
    assert snapshot.data["event"] == 4
    assert seen == ["3", "4", "5"]


async def test_after_0_is_the_whole_story_in_more_reads_than_one(app, client, monkeypatch):
    monkeypatch.setattr(following, "AT_ONCE", 3)
    session = await keep(app)
    async with app.store.begin() as tx:
        for _ in range(10):
            await app.store.events.append(SessionPaused(), "ada", session=session.id, tx=tx)
    await finish(app, session.id)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream?after=0") as reader:
        seen = [message for message in await reader.rest() if message.event]
    assert [message.event for message in seen] == ["snapshot", *["event"] * 12, "end"]
    assert [message.id for message in seen[1:-1]] == [str(number) for number in range(1, 13)]


async def test_a_number_that_is_not_reached_yet_counts_as_the_newest(app, client):
    session = await keep(app)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream?after=999") as reader:
        await reader.until("snapshot")
        await append(app, session.id)
        assert (await reader.until("event"))[-1].id == "2"


async def test_it_ends_after_the_last_event_of_a_finished_session(app, client):
    session = await keep(app)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
        await reader.until("snapshot")
        await finish(app, session.id)
        rest = [message for message in await reader.rest() if message.event]
    assert [message.event for message in rest] == ["event", "end"]
    assert rest[0].data["type"] == "session.completed"
    assert rest[1].data == {"why": "finished"}


async def test_it_ends_when_the_session_is_deleted(app, client):
    session = await keep(app)
    await finish(app, session.id)
    other = await keep(app)
    async with stream(client, f"/api/v1/sessions/{other.id}/stream") as reader:
        await reader.until("snapshot")
        fence = await app.store.sessions.claim(other.id, "wrk_1")
        await app.store.sessions.write(other.id, fence, state="finished")
        await app.store.sessions.delete(other.id, "ada")
        await app.bus.publish(f"session.{other.id}", b"{}")
        rest = [message for message in await reader.rest() if message.event]
    assert rest[-1].data == {"why": "deleted"}


async def test_what_happens_while_the_bus_is_away_comes_from_the_rows(app, client, valkey, monkeypatch):
    """kill -9 of Valkey: rows are read once a second; after its return pokes count again. No event twice."""
    monkeypatch.setattr(following, "ASK_S", 0.05)
    session = await keep(app)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
        await reader.until("snapshot")
        valkey.kill()
        try:
            await append(app, session.id)
            seen = [(await reader.until("event"))[-1].id]
            await app.store.ticks.add(session.id, 7, a_point(7))
            assert (await reader.until("tick"))[-1].data["second"] == 7
        finally:
            valkey.start()
        await append(app, session.id, ThresholdBreached("p95(ttft) < 1s", 2.0))
        seen.append((await reader.until("event"))[-1].id)
        await finish(app, session.id)
        rest = [message for message in await reader.rest() if message.event != "tick"]
    assert seen == ["2", "3"]
    assert [message.id for message in rest if message.event == "event"] == ["4"]
    assert rest[-1].event == "end"


async def test_a_reader_may_come_while_the_bus_is_away(app, client, valkey, monkeypatch):
    monkeypatch.setattr(following, "ASK_S", 0.05)
    session = await keep(app)
    valkey.kill()
    try:
        async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
            await reader.until("snapshot")
            await append(app, session.id)
            assert (await reader.until("event"))[-1].id == "2"
    finally:
        valkey.start()


async def test_a_reader_that_does_not_read_holds_back_no_memory(app, client):
    """Of thousands of ticks that were published meanwhile it gets those that fit into the sockets, and every event."""
    session = await keep(app)
    count, ballast = 3_000, "x" * 20_000
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
        await reader.until("snapshot")
        for second in range(count):
            await publish_tick(app, session.id, second, warning=ballast)
        await append(app, session.id)
        last = await reader.until("event")
    ticks = [message.data["second"] for message in last if message.event == "tick"]
    assert last[-1].id == "2"
    assert ticks == sorted(ticks)
    assert len(ticks) < count / 2


async def test_fifty_readers_share_one_subscription(app, client, valkey):
    session = await keep(app)
    path = f"/api/v1/sessions/{session.id}/stream"
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(stream(client, path)) for _ in range(50)]
        for reader in readers:
            await reader.until("snapshot")
        assert app.live.topics == 1
        await append(app, session.id)
        await publish_tick(app, session.id, 1)
        for reader in readers:
            seen = [message.event for message in await reader.until("event")]
            if "tick" not in seen:
                await reader.until("tick")
            assert seen.count("event") == 1
        lines = valkey.ask("PUBSUB CHANNELS *session*")
        assert lines.count(session.id.encode()) == 1
        numbers = valkey.ask(f"PUBSUB NUMSUB {_channel(lines)}")
        assert numbers.endswith(b":1\r\n")
    async with asyncio.timeout(PATIENCE_S):
        while app.live.topics:  # the server learns of each end by itself
            await client.get("/api/health/live")


async def test_streams_end_when_the_server_does(app, client):
    session = await keep(app)
    async with (
        stream(client, f"/api/v1/sessions/{session.id}/stream") as one,
        stream(client, "/api/v1/events") as all_of_them,
    ):
        await one.until("snapshot")
        app.closing.set()
        assert "end" not in [message.event for message in await one.rest()]
        assert "end" not in [message.event for message in await all_of_them.rest()]


async def test_a_silent_stream_says_that_it_is_still_there(app, client, monkeypatch):
    monkeypatch.setattr(following, "KEEP_ALIVE_S", 0.05)
    session = await keep(app)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
        await reader.until("snapshot")
        assert (await reader.next()).comment == "still here"
        assert (await reader.next()).comment == "still here"


async def test_who_may_not_read_any_more_is_told_so(app, client, monkeypatch):
    monkeypatch.setattr(following, "KEEP_ALIVE_S", 0.05)
    session = await keep(app)
    async with stream(client, f"/api/v1/sessions/{session.id}/stream") as reader:
        await reader.until("snapshot")
        await app.accounts.create_user("ada", "a long enough password", Role.admin, "system")
        rest = [message for message in await reader.rest() if message.event]
    assert [message.data for message in rest] == [{"why": "access"}]


async def test_an_unknown_session_is_not_found_and_a_number_must_be_one(client, app):
    session = await keep(app)
    assert (await client.get("/api/v1/sessions/ses_nobody/stream")).status_code == 404
    path = f"/api/v1/sessions/{session.id}/stream"
    assert (await client.get(path, headers={"Last-Event-ID": "seven"})).status_code == 422
    assert (await client.get(path, params={"after": -1})).status_code == 422
    assert (await client.get(path, params={"after": 10**30})).status_code == 422


def _channel(reply: bytes) -> str:
    return next(line for line in reply.decode().split("\r\n") if "session" in line)


async def test_who_comes_while_events_are_written_gets_each_of_them_once(app, client):
    """The moment at which a reader comes, between rows and pokes, is another one for each of these."""
    session = await keep(app)
    path = f"/api/v1/sessions/{session.id}/stream?after=0"

    async def write():
        for _ in range(60):
            await append(app, session.id)
        await finish(app, session.id)

    async def read():
        async with stream(client, path) as reader:
            return [message.id for message in await reader.rest() if message.event == "event"]

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        readers = []
        for _ in range(15):
            readers.append(group.create_task(read()))
            await client.get("/api/health/live")
    expected = [str(number) for number in range(1, 63)]
    assert [reader.result() for reader in readers] == [expected] * 15
