"""The mock bot's Socket.IO, packet by packet over the `websockets` library's client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


@asynccontextmanager
async def opened(bot: Any) -> AsyncIterator[ClientConnection]:
    """Connect and take the packet that opens Engine.IO."""
    async with asyncio.timeout(10):
        async with connect(f"ws://127.0.0.1:{bot.server.port}/socket.io/?EIO=4&transport=websocket") as client:
            opening = str(await client.recv())
            assert opening[0] == "0"
            assert json.loads(opening[1:])["upgrades"] == []
            yield client


async def test_events_are_answered_by_events(start: Any) -> None:
    bot = await start(persona="echo", first_token="1ms", gap="1ms")
    async with opened(bot) as client:
        await client.send("40")
        assert str(await client.recv()).startswith('40{"sid":')
        await client.send('42["message",{"message":"one two","stream":true,"id":"q"}]')
        found = [str(await client.recv()) for _ in range(3)]
        assert [json.loads(each[2:])[0] for each in found] == ["delta", "delta", "done"]
        assert json.loads(found[2][2:])[1]["id"] == "q"
        await client.send('4217["message",{"message":"three"}]')
        acknowledged = str(await client.recv())
        assert acknowledged.startswith('4317[{"type":"reply"')
        await client.send("2probe")
        assert await client.recv() == "3probe"


async def test_namespaces_are_entered_and_left(start: Any) -> None:
    bot = await start(persona="echo", first_token="1ms")
    async with opened(bot) as client:
        await client.send('42["message",{"message":"nobody is in yet"}]')
        await client.send("40/bot,")
        assert str(await client.recv()).startswith('40/bot,{"sid":')
        await client.send('42/bot,["message",{"message":"hi"}]')
        assert str(await client.recv()).startswith('42/bot,["reply",')
        await client.send("41/bot,")
        await client.send('42/bot,["message",{"message":"gone"}]')
        await client.send("2")
        assert await client.recv() == "3", "who has left is not answered"
    assert bot.server.stats()["requests"] == 1


async def test_a_key_opens_a_namespace(start: Any) -> None:
    bot = await start(api_key="sesame")
    async with opened(bot) as client:
        for auth in ("", '{"token":"wrong"}', '{"token":7}'):
            await client.send(f"40{auth}")
            assert str(await client.recv()).startswith("44{")
        await client.send('40{"token":"sesame"}')
        assert str(await client.recv()).startswith("40{")


async def test_what_is_no_packet_ends_the_connection(start: Any) -> None:
    bot = await start()
    async with opened(bot) as client:
        await client.send("hello")
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1002
