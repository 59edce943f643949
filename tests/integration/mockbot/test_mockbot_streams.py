"""Streams: what is sent, when by the server's own clock, and how it is cut into writes."""

import asyncio
import gzip
import json
import zlib
from itertools import pairwise
from typing import Any

import pytest

MS = 1_000_000


async def oracle(client: Any) -> list[Any]:
    return [json.loads(line) for line in (await client.ask("GET", "/oracle")).body.splitlines()]


async def test_a_stream_has_one_write_per_event(start: Any) -> None:
    client = await (await start(persona="echo", first_token="1ms", gap="0")).client()
    seen = await client.chat("five words of plain text", stream=True)
    assert seen.headers["content-type"].startswith("text/event-stream")
    assert seen.text() == "five words of plain text"
    assert len(seen.chunks) == 1 + 5 + 1 + 1 + 1
    assert seen.chunks[-1] == b"data: [DONE]\n\n"
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in seen.chunks)


async def test_the_times_in_the_stream_are_those_of_the_oracle_and_never_early(start: Any) -> None:
    client = await (await start(first_token="5ms", gap="2ms", tokens="12", oracle=True)).client()
    seen = await client.chat("where is it", stream=True, x_krawall_turn="turn-7")
    times = [event["ts"] for event in seen.events()[1:-2]]
    [record] = await oracle(client)
    assert record["id"] == "turn-7"
    assert record["sent_ns"] == times
    assert (record["first_ns"], record["last_ns"], record["tokens"], record["end"]) == (times[0], times[-1], 12, "done")
    for index, sent in enumerate(times):
        assert sent >= record["received_ns"] + 5 * MS + index * 2 * MS
    assert all(earlier <= later for earlier, later in pairwise(event["ts"] for event in seen.events()))


async def test_the_oracle_is_kept_only_where_it_is_asked_for(start: Any) -> None:
    client = await (await start()).client()
    await client.chat("one")
    await client.chat("two", x_mock_behaviour="oracle=true")
    await client.chat("three")
    [record] = await oracle(client)
    assert (record["id"], record["status"], record["sent_ns"]) == ("2", 200, [])
    assert record["received_ns"] <= record["first_ns"] == record["last_ns"]


async def test_a_maximum_ends_the_stream_by_length_with_exact_usage(start: Any) -> None:
    client = await (await start(gap="0", first_token="0")).client()
    body = {"stream": True, "max_tokens": 3, "messages": [{"role": "user", "content": "a b"}]}
    *_, finish, usage = (await client.ask("POST", "/v1/chat/completions", body)).events()
    assert finish["choices"][0]["finish_reason"] == "length"
    assert (usage["usage"]["prompt_tokens"], usage["usage"]["completion_tokens"]) == (2, 3)


async def test_usage_is_placed_as_told(start: Any) -> None:
    client = await (await start(gap="0", first_token="0", tokens="4", usage="every")).client()
    running = [event["usage"]["completion_tokens"] for event in (await client.chat("hi", stream=True)).events()]
    assert running == [0, 1, 2, 3, 4, 4]
    none = await client.chat("hi", stream=True, x_mock_behaviour="usage=none")
    assert all("usage" not in event for event in none.events())


@pytest.mark.parametrize("split", ["random", "coalesce"])
async def test_a_split_changes_the_writes_and_not_the_text(start: Any, split: str) -> None:
    client = await (await start(persona="echo", first_token="1ms", gap="0", split=split, oracle=True)).client()
    text = "Zwölf Boxkämpfer jagen Viktor über den großen Sylter Deich 🥊"
    seen = await client.chat(text, stream=True)
    assert seen.text() == text
    assert seen.body.endswith(b"data: [DONE]\n\n")
    [record] = await oracle(client)
    assert record["sent_ns"] == [event["ts"] for event in seen.events()[1:-2]]


async def test_coalesced_tokens_are_sent_together(start: Any) -> None:
    client = await (await start(first_token="1ms", gap="1ms", tokens="20", split="coalesce")).client()
    times = [event["ts"] for event in (await client.chat("hi", stream=True)).events()[1:-2]]
    assert len(times) == 20
    assert 5 <= len(set(times)) <= 10


async def test_gzip_is_used_for_clients_that_accept_it(start: Any) -> None:
    client = await (await start(persona="echo", gap="1ms", first_token="0", gzip=True)).client()
    plain = await client.chat("as it is")
    assert "content-encoding" not in plain.headers
    whole = await client.chat("packed up", Accept_Encoding="br, gzip")
    assert whole.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(whole.body))["choices"][0]["message"]["content"] == "packed up"
    stream = await client.chat("packed piece by piece", stream=True, Accept_Encoding="gzip")
    assert stream.headers["content-encoding"] == "gzip"
    unpacker = zlib.decompressobj(wbits=31)
    parts = [unpacker.decompress(chunk) for chunk in stream.chunks]
    assert [part for part in parts if part][-1] == b"data: [DONE]\n\n"
    assert all(part.endswith(b"\n\n") for part in parts if part)
    assert unpacker.eof


async def test_the_queue_of_the_capacity_model_spaces_the_replies(start: Any) -> None:
    bot = await start(servers=1, service="4ms", oracle=True, latency="1ms")
    clients = [await bot.client() for _ in range(6)]
    await asyncio.gather(*(client.chat("hi") for client in clients))
    records = sorted(await oracle(clients[0]), key=lambda record: record["received_ns"])
    free = 0
    for record in records:
        free = max(free, record["received_ns"]) + 4 * MS
        assert record["first_ns"] >= free + 1 * MS


async def test_many_streams_run_at_once_and_each_is_complete(start: Any) -> None:
    bot = await start(first_token="20ms..60ms", gap="exp(2ms)", tokens="8..24", oracle=True)
    clients = [await bot.client() for _ in range(100)]
    seen = await asyncio.gather(*(client.chat(f"stream {n}", stream=True) for n, client in enumerate(clients)))
    assert all(reply.body.endswith(b"[DONE]\n\n") for reply in seen)
    records = await oracle(clients[0])
    assert sorted(record["tokens"] for record in records) == sorted(len(reply.events()) - 3 for reply in seen)
    stats = bot.server.stats()
    assert (stats["streams"], stats["in_flight"], stats["tokens_out"]) == (100, 0, sum(r["tokens"] for r in records))
