"""Every fault the mock bot can make, seen from the other end of a real connection."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from krawall.clock import monotonic_ns
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve

SECOND = 1_000_000_000


async def test_the_error_mix_is_sent_and_counted(start: Any) -> None:
    bot = await start(errors={"500": 0.3, "503": 0.3}, seed=2)
    client = await bot.client()
    seen = [await client.chat("hi", stream=bool(index % 2)) for index in range(60)]
    statuses = Counter(str(reply.status) for reply in seen)
    assert set(statuses) == {"200", "500", "503"}
    assert statuses == bot.server.stats()["by_status"]
    assert all(reply.json()["error"]["type"] == "server_error" for reply in seen if reply.status != 200)


async def test_over_the_limit_is_429_with_the_time_to_wait(start: Any) -> None:
    client = await (await start()).client()
    limit = {"rate": 0.001, "burst": 2, "retry_after_s": 1.5}
    await client.ask("PUT", "/behaviour", {"limit": limit})
    seen = [await client.chat("hi") for _ in range(4)]
    assert [reply.status for reply in seen] == [200, 200, 429, 429]
    assert (seen[2].headers["retry-after"], seen[2].headers["retry-after-ms"]) == ("2", "1500")
    assert seen[2].json()["error"]["code"] == "rate_limit_exceeded"


async def test_the_rate_limited_persona_lets_its_burst_through_and_refuses_a_flood(start: Any) -> None:
    bot = await start(persona="rate-limited", seed=1)
    client = await bot.client()
    for _ in range(400):
        client.send("POST", "/chat", {"message": "hi"})
    statuses = [(await client.receive()).status for _ in range(400)]
    assert statuses[:10] == [200] * 10
    assert 429 in statuses


async def test_a_truncated_stream_ends_cleanly_without_its_end(start: Any) -> None:
    client = await (await start(truncate=1.0, gap="0", first_token="0", tokens="30", oracle=True)).client()
    for _ in range(10):
        seen = await client.chat("hi", stream=True)
        assert seen.complete
        assert b"[DONE]" not in seen.body
        assert b'"usage"' not in seen.body
        assert b'"finish_reason":"' not in seen.body
    records = [json.loads(line) for line in (await client.ask("GET", "/oracle")).body.splitlines()]
    assert {record["end"] for record in records} == {"truncated"}
    assert len({record["tokens"] for record in records}) > 3
    assert all(record["tokens"] < 30 for record in records)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_disconnect_cuts_the_reply_in_the_middle(start: Any, stream: bool) -> None:
    bot = await start(disconnect=1.0, gap="1ms", first_token="1ms")
    for _ in range(5):
        client = await bot.client()
        seen = await client.chat("hi", stream=stream)
        assert seen.status == 200
        assert not seen.complete
        assert await client.reader.read() == b""
    assert bot.server.stats()["ends"] == {"disconnected": 5}


async def test_the_flaky_persona_fails_in_several_ways(start: Any) -> None:
    bot = await start(persona="flaky", gap="0", first_token="0", seed=3)
    for _ in range(120):
        await (await bot.client()).chat("hi", stream=True, Connection="close")
    stats = bot.server.stats()
    assert set(stats["by_status"]) == {"200", "500", "503"}
    assert set(stats["ends"]) == {"done", "truncated", "disconnected"}


async def test_nothing_is_sent_during_a_freeze_and_everything_after_it(start: Any) -> None:
    bot = await start()
    client, other = await bot.client(), await bot.client()
    before = monotonic_ns()
    freeze = {"at_s": 0, "for_s": 0.2}
    await client.ask("PUT", "/behaviour", {"freeze": freeze, "oracle": True, "first_token": "0", "gap": "10ms"})
    whole, stream = await asyncio.gather(client.chat("hi"), other.chat("hi", stream=True))
    assert (whole.status, stream.status) == (200, 200)
    assert stream.body.endswith(b"[DONE]\n\n")
    records = [json.loads(line) for line in (await client.ask("GET", "/oracle")).body.splitlines()]
    assert [record["end"] for record in records] == ["done", "done"]
    assert all(record["first_ns"] >= before + SECOND // 5 for record in records)


async def test_a_freeze_in_the_middle_of_a_stream_is_a_gap_in_it(start: Any) -> None:
    bot = await start()
    client = await bot.client()
    before = monotonic_ns()
    freeze = {"at_s": 0.03, "for_s": 0.1}
    await client.ask("PUT", "/behaviour", {"freeze": freeze, "first_token": "0", "gap": "2ms", "tokens": "40"})
    set_by = monotonic_ns()
    times = [event["ts"] for event in (await client.chat("hi", stream=True)).events()]
    frozen = range(set_by + 3 * SECOND // 100, before + 13 * SECOND // 100)  # frozen for certain
    assert len(times) == 43
    assert not [sent for sent in times if sent in frozen]


async def test_a_freeze_holds_replies_until_the_next_behaviour_is_long_due(start: Any) -> None:
    bot = await start()
    client, control = await bot.client(), await bot.client()
    await control.ask("PUT", "/behaviour", {"freeze": {"at_s": 0, "for_s": 3600}})
    client.send("POST", "/chat", {"message": "hi"})
    async with asyncio.timeout(60):  # ends a hang, asserts nothing
        while not (await control.ask("GET", "/stats")).json()["in_flight"]:
            pass
    assert (await control.ask("GET", "/health")).status == 200
    assert bot.server.stats()["by_status"] == {}


async def test_a_client_that_goes_away_is_noticed(start: Any) -> None:
    bot = await start(gap="1m", first_token="0", oracle=True)
    client, control = await bot.client(), await bot.client()
    client.send("POST", "/v1/chat/completions", {"stream": True, "messages": [{"role": "user", "content": "hi"}]})
    await client.reader.readuntil(b'"content":"')
    client.writer.close()
    async with asyncio.timeout(60):  # ends a hang, asserts nothing
        while (await control.ask("GET", "/stats")).json()["in_flight"]:
            pass
    record = json.loads((await control.ask("GET", "/oracle")).body)
    assert (record["end"], record["tokens"], record["status"]) == ("aborted", 1, 200)
    assert bot.server.stats()["connections_open"] == 1


async def test_leaving_the_block_ends_open_streams() -> None:
    async with serve(Behaviour(gap="1m", first_token="0")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = b'{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await reader.readuntil(b'"content":"')
    assert not (await reader.read()).endswith(b"0\r\n\r\n")
    writer.close()
