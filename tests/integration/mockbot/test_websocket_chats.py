"""The mock bot's WebSocket chats as the `websockets` library's client sees them: a peer that is not ours."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from krawall.mockbot.behaviour import Limit

ANSWERED = 5.0  # seconds


def at(bot: Any) -> str:
    return f"ws://127.0.0.1:{bot.server.port}/ws"


async def ask(client: ClientConnection, **fields: Any) -> list[Any]:
    """Send a message, return what comes up to the end of its answer."""
    await client.send(json.dumps({"message": "hello", **fields}))
    found: list[Any] = []
    async with asyncio.timeout(ANSWERED):
        while not found or found[-1]["type"] == "delta":
            found.append(json.loads(await client.recv()))
    return found


async def test_a_message_is_answered_by_one_or_by_many(start: Any) -> None:
    bot = await start(persona="echo", first_token="1ms", gap="1ms")
    async with connect(at(bot)) as client:
        (whole,) = await ask(client, message="one two three", id="q1")
        assert (whole["type"], whole["id"], whole["reply"]) == ("reply", "q1", "one two three")
        *deltas, done = await ask(
            client, message="four five", stream=True, id=2, conversation_id=whole["conversation_id"]
        )
        assert "".join(each["text"] for each in deltas) == "four five"
        assert done["type"] == "done"
        assert {each["id"] for each in [*deltas, done]} == {2}
        assert done["conversation_id"] == whole["conversation_id"]
        assert done["usage"]["completion_tokens"] == len(deltas)
        assert done["usage"]["prompt_tokens"] > len(deltas), "the history is held"
    assert bot.server.stats()["requests"] == 2


async def test_messages_under_way_at_once_are_told_apart(start: Any) -> None:
    bot = await start(persona="echo", first_token="5ms", gap="1ms")
    async with connect(at(bot)) as client:
        for name in ("a", "b", "c"):
            await client.send(json.dumps({"message": f"{name} {name} {name}", "stream": True, "id": name}))
        said: dict[str, str] = {}
        ended = 0
        async with asyncio.timeout(ANSWERED):
            while ended < 3:
                each = json.loads(await client.recv())
                ended += each["type"] == "done"
                said[each["id"]] = said.get(each["id"], "") + each.get("text", "")
        assert said == {name: f"{name} {name} {name}" for name in "abc"}


async def test_faults_of_a_behaviour_are_messages_or_close_codes(start: Any) -> None:
    bot = await start(persona="echo", errors={"500": 1.0})
    async with connect(at(bot)) as client:
        assert (await ask(client, id=1))[0]["error"]["status"] == 500
        assert (await ask(client, message=3))[0]["error"]["status"] == 400
    bot = await start(persona="echo", errors={"503": 1.0})
    async with connect(at(bot)) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await ask(client)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1013
    bot = await start(persona="echo", limit=Limit(0.001, retry_after_s=7))
    async with connect(at(bot)) as client:
        await ask(client)
        assert (await ask(client))[0]["error"]["retry_after_ms"] == 7000


@pytest.mark.parametrize(("cut", "code"), [("truncate", 1000), ("disconnect", None)])
async def test_streams_are_cut_short(start: Any, cut: str, code: int | None) -> None:
    bot = await start(persona="echo", first_token="1ms", gap="1ms", **{cut: 1.0})
    async with connect(at(bot)) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await ask(client, message="one two three four five", stream=True)
        assert (caught.value.rcvd.code if caught.value.rcvd else None) == code


async def test_the_handshake_overrides_the_behaviour(start: Any) -> None:
    bot = await start(persona="echo")
    async with connect(at(bot), additional_headers={"x-mock-behaviour": "persona=shop"}) as client:
        assert (await ask(client))[0]["reply"] != "hello"
    async with connect(at(bot), additional_headers={"x-mock-behaviour": "gap=soon"}) as client:
        assert "gap" in (await ask(client))[0]["error"]["message"]


async def test_a_stream_fails_in_the_middle(start: Any) -> None:
    bot = await start(persona="echo", first_token="1ms", gap="1ms", stream_error=1.0)
    async with connect(at(bot)) as client:
        assert (await ask(client, stream=True))[-1]["type"] == "error"
        assert (await ask(client, stream=True))[-1]["type"] == "error", "the connection stays"


async def test_the_key_belongs_to_the_handshake(start: Any) -> None:
    bot = await start(persona="echo", api_key="sesame")
    with pytest.raises(InvalidStatus) as caught:
        await connect(at(bot))
    assert caught.value.response.status_code == 401
    async with connect(at(bot), additional_headers={"authorization": "Bearer sesame"}) as client:
        assert (await ask(client))[0]["type"] == "reply"
    plain = await (await start()).client()
    assert (await plain.ask("GET", "/ws")).status == 426


async def test_pings_are_answered_and_goodbyes_returned(start: Any) -> None:
    bot = await start(persona="echo", split="random")
    async with connect(at(bot)) as client:
        async with asyncio.timeout(ANSWERED):
            await (await client.ping())
        await ask(client, message="x " * 40_000, stream=False)
    assert client.close_code == 1000


async def test_who_leaves_in_mid_stream_aborts_the_reply(start: Any) -> None:
    bot = await start(persona="echo", first_token="1ms", gap="50ms")
    client = await connect(at(bot))
    await client.send(json.dumps({"message": "one two three four five six seven eight", "stream": True}))
    await client.recv()
    client.transport.abort()
    plain = await bot.client()
    async with asyncio.timeout(ANSWERED):
        while (await plain.ask("GET", "/stats")).json()["in_flight"]:
            continue
    assert bot.server.stats()["connections_open"] == 1, "only who looks"
