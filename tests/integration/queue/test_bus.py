"""The bus: pokes, boards, clock, token buckets; over a server that dies as well."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krawall.clock import monotonic_ns, wall_ns
from krawall.errors import DocumentError, Unavailable
from krawall.queue import bus as bus_module
from krawall.queue import connection as connection_module
from krawall.queue.bus import Bus, Poke
from krawall.queue.connection import open_client


@pytest.fixture
async def bus(server):
    bus = await Bus.connect(server.url)
    yield bus
    await bus.close()


@pytest.fixture
async def mortal_bus(mortal):
    bus = await Bus.connect(mortal.url)
    yield bus
    await bus.close()


async def test_who_follows_gets_what_is_published_from_then_on(bus):
    await bus.publish("session.1", b"before")
    async with bus.follow("session.1", "session.2") as pokes:
        await bus.publish("session.1", b"\x00\xff")
        await bus.publish("session.3", b"of somebody else")
        await bus.publish("session.2")
        assert await _next(pokes) == Poke("session.1", b"\x00\xff")
        assert await _next(pokes) == Poke("session.2", b"")


async def test_many_follow_one_channel_and_each_gets_all(bus):
    async with bus.follow("a") as one, bus.follow("a", "a") as other:
        for number in range(100):
            await bus.publish("a", b"%d" % number)
        for pokes in (one, other):
            assert [(await _next(pokes)).payload for _ in range(100)] == [b"%d" % number for number in range(100)]


async def test_a_cut_line_is_laid_again_and_the_gap_is_told(mortal, mortal_bus):
    async with mortal_bus.follow("a") as pokes:
        for _ in range(2):
            await mortal_bus.publish("a", b"before")
            assert await _next(pokes) == Poke("a", b"before")
            mortal.kill()
            mortal.start()
            assert await _next(pokes) == Poke("", b"", gap=True)
            await mortal_bus.publish("a", b"after")
            assert await _next(pokes) == Poke("a", b"after")


async def test_a_line_whose_server_comes_back_late_is_laid_again(mortal, mortal_bus):
    async with mortal_bus.follow("a") as pokes, asyncio.TaskGroup() as group:
        waiting = group.create_task(_next(pokes))
        mortal.kill()
        with pytest.raises(Unavailable):
            await mortal_bus.ping()
        mortal.start()
        assert await waiting == Poke("", gap=True)


async def test_a_silent_line_is_asked_whether_it_stands(mortal, mortal_bus, monkeypatch, eventually):
    monkeypatch.setattr(bus_module, "_IDLE_S", 0.2)
    monkeypatch.setattr(connection_module, "ANSWER_S", 2.0)

    async def was_asked_twice():
        return b"cmdstat_ping:calls=" in (reply := mortal.ask("INFO commandstats")) and not any(
            b"cmdstat_ping:calls=%d," % calls in reply for calls in range(5)
        )

    async with mortal_bus.follow("a") as pokes, asyncio.TaskGroup() as group:
        waiting = group.create_task(_next(pokes))
        await eventually(was_asked_twice)
        await mortal_bus.publish("a", b"still the same line")
        assert await waiting == Poke("a", b"still the same line")

        waiting = group.create_task(_next(pokes))
        mortal.freeze()
        with pytest.raises(Unavailable):
            await mortal_bus.ping()
        mortal.thaw()
        assert await waiting == Poke("", gap=True)


async def test_a_follower_can_be_cancelled_and_gives_its_line_back(bus, server, eventually):
    async def follow():
        async with bus.follow("a") as pokes:
            followed.set()
            await anext(pokes)

    followed = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        await followed.wait()
        assert b"a" in server.ask("PUBSUB CHANNELS krawall:*")
        task.cancel()
    async with bus.follow("b"):
        pass

    async def nobody_follows():
        return server.ask("PUBSUB CHANNELS *") == b"*0\r\n"

    await eventually(nobody_follows)


async def test_a_board_keeps_fields_for_a_while(bus, server):
    await bus.board_put("session.1", "shard.0", b"\x00one")
    await bus.board_put("session.1", "shard.1", b"two")
    await bus.board_put("session.1", "shard.1", b"three", ttl_s=100)
    assert await bus.board("session.1") == {"shard.0": b"\x00one", "shard.1": b"three"}
    assert await bus.board_get("session.1", "shard.1") == b"three"
    assert await bus.board_get("session.1", "shard.2") is None
    assert int(server.ask("TTL krawall:board:session.1").strip(b":\r\n")) in range(90, 101)
    await bus.board_drop("session.1")
    assert await bus.board("session.1") == {}
    assert await bus.board_get("session.2", "shard.1") is None


async def test_a_board_runs_out(bus, eventually):
    await bus.board_put("a", "b", b"c", ttl_s=0.05)

    async def is_gone():
        return await bus.board("a") == {}

    await eventually(is_gone)


async def test_our_clock_plus_the_offset_is_the_servers(bus):
    offset = await bus.clock()
    assert abs(monotonic_ns() + offset - wall_ns()) < 1_000_000_000


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rate=st.sampled_from([0.001, 1.0, 50.0, 2_000.0]), burst=st.integers(1, 20), takers=st.integers(1, 8))
async def test_no_more_tokens_are_given_than_flow_in(one_server, rate, burst, takers):
    one_server.flush()
    buses = [Bus(one_server.url) for _ in range(takers)]

    async def take(bus):
        return sum([await bus.take("b", rate, burst) == 0 for _ in range(25)])

    before = await _server_us(one_server)
    given_out = sum(await asyncio.gather(*map(take, buses)))
    seconds = (await _server_us(one_server) - before) / 1e6
    for bus in buses:
        await bus.close()
    assert given_out <= rate * seconds + burst
    assert given_out >= min(burst, 25 * takers)


async def test_who_comes_again_when_told_gets_a_token(bus):
    waits = [await bus.take("b", 20.0, 2) for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 0 < waits[2] <= 0.05
    asked = 1
    while wait := await bus.take("b", 20.0, 2):
        await asyncio.sleep(wait)
        asked += 1
    assert asked <= 3
    assert await bus.take("other", 20.0, 2) == 0


async def test_a_bucket_that_is_full_again_takes_no_room(bus, server, eventually):
    await bus.take("b", 1000.0, 1)

    async def is_gone():
        return server.ask("EXISTS krawall:bucket:b") == b":0\r\n"

    await eventually(is_gone)


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0), (float("nan"), 1)])
async def test_a_bucket_that_never_gives_is_refused(bus, rate, burst):
    with pytest.raises(ValueError, match="a rate above 0"):
        await bus.take("b", rate, burst)


async def test_all_keys_are_under_our_prefix(bus, server):
    await bus.board_put("a", "b", b"c")
    await bus.take("b", 1.0, 5)
    client = open_client(server.url, text=True)
    assert sorted(await client.keys("*")) == ["krawall:board:a", "krawall:bucket:b"]
    await client.aclose()


async def test_without_a_server_every_question_says_so(mortal, mortal_bus):
    mortal.kill()
    for question in (
        mortal_bus.publish("a"),
        mortal_bus.board_put("a", "b", b"c"),
        mortal_bus.board("a"),
        mortal_bus.board_get("a", "b"),
        mortal_bus.board_drop("a"),
        mortal_bus.clock(),
        mortal_bus.take("a", 1.0, 1),
        mortal_bus.ping(),
        Bus.connect(mortal.url),
    ):
        with pytest.raises(Unavailable, match=r"redis://127\.0\.0\.1"):
            await question
    with pytest.raises(Unavailable):
        async with mortal_bus.follow("a"):
            pass
    mortal.start()
    await mortal_bus.ping()


async def test_a_password_is_not_told(mortal):
    mortal.kill()
    with pytest.raises(Unavailable) as caught:
        await Bus.connect(mortal.url.replace("redis://", "redis://user:secret@"))
    assert "secret" not in str(caught.value)


def test_what_is_no_url_of_a_server_is_refused():
    with pytest.raises(DocumentError, match="redis"):
        Bus("http://127.0.0.1:1")


async def _next(pokes):
    async with asyncio.timeout(20):
        return await anext(pokes)


async def _server_us(server):
    client = open_client(server.url)
    seconds, micros = await client.time()
    await client.aclose()
    return seconds * 1_000_000 + micros
