"""The bus: pokes, live pictures, the server's clock, shared token buckets. All of it may be lost; rows say what is true."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from redis.asyncio.client import PubSub

from krawall.clock import monotonic_ns
from krawall.model.base import Record
from krawall.queue.connection import GONE, PREFIX, answering, open_client

_BOARD = PREFIX + "board:"
_BUCKET = PREFIX + "bucket:"
_IDLE_S = 10.0  # a line that was silent for so long is asked whether it still stands
_PATIENCE_S = 1.0  # the longest pause between two tries to reach the server again

# A bucket that is full again is the same as none, so its key runs out then. The server's clock counts, not the takers'.
_TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1] or burst), tonumber(kept[2] or now)
tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000000)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', math.max(now, at)))
redis.call('PEXPIRE', KEYS[1], math.min(1e15, math.ceil((burst - tokens) * 1000 / rate) + 1000))
return string.format('%.6f', math.ceil(wait * 1000000) / 1000000)
"""


class Poke(Record, frozen=True):
    """Something happened on a channel. `gap`: the line was cut meanwhile, so that pokes may be missing: look at the rows."""

    channel: str
    payload: bytes = b""
    gap: bool = False


class Bus:
    """A line to the server, owned by a process for as long as it runs. Every method raises `Unavailable` when it is cut."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = open_client(url)
        self._lines = open_client(url, retries=0)  # a line that the library lays again by itself hides the gap from us
        self._take = self._client.register_script(_TAKE)

    @classmethod
    async def connect(cls, url: str) -> Bus:
        """Return a bus whose server has answered.

        Raises:
            Unavailable: it did not.
        """
        bus = cls(url)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(bus.close)
            await bus.ping()
            undo.pop_all()
        return bus

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()
        await self._lines.aclose()

    async def ping(self) -> None:
        """Return when the server answers."""
        async with answering(self._url):
            await self._client.ping()

    async def publish(self, channel: str, payload: bytes = b"") -> None:
        """Poke whoever follows `channel` now. Nobody who comes later sees it."""
        async with answering(self._url):
            await self._client.publish(PREFIX + channel, payload)

    @asynccontextmanager
    async def follow(self, *channels: str) -> AsyncIterator[AsyncIterator[Poke]]:
        """Yield the pokes of `channels` from now on, without end.

        When the line is cut it is laid again, as often as it takes; after each time comes one poke with `gap`.
        """
        async with answering(self._url):
            line = await self._lay(channels)
        pokes = self._pokes(line, channels)
        try:
            yield pokes
        finally:
            await pokes.aclose()
            await _drop(line)  # pokes that nobody asked for have not begun, and so do not end

    async def board_put(self, board: str, field: str, value: bytes, ttl_s: float = 86_400) -> None:
        """Keep `value` as a field of a board. The whole board is gone `ttl_s` seconds after the last put."""
        async with answering(self._url), self._client.pipeline(transaction=True) as both:
            both.hset(_BOARD + board, field, value)
            both.pexpire(_BOARD + board, math.ceil(ttl_s * 1000))
            await both.execute()

    async def board(self, board: str) -> dict[str, bytes]:
        """Return all fields of a board; none when there is no such board."""
        async with answering(self._url):
            found: Any = await self._client.hgetall(_BOARD + board)
        return {field.decode(): value for field, value in found.items()}

    async def board_get(self, board: str, field: str) -> bytes | None:
        """Return one field of a board."""
        async with answering(self._url):
            found: Any = await self._client.hget(_BOARD + board, field)  # bytes, since the client decodes nothing
        return None if found is None else bytes(found)

    async def board_drop(self, board: str) -> None:
        """Remove a board."""
        async with answering(self._url):
            await self._client.delete(_BOARD + board)

    async def clock(self) -> int:
        """Return ns to add to our monotonic clock to get the server's wall clock.

        The best of three round trips counts: the error is at most half of the fastest one.
        """
        best, offset = 0, 0
        for _ in range(3):
            before = monotonic_ns()
            async with answering(self._url):
                seconds, micros = await self._client.time()
            after = monotonic_ns()
            if best == 0 or after - before < best:
                best, offset = after - before, seconds * 1_000_000_000 + micros * 1_000 - (before + after) // 2
        return offset

    async def take(self, bucket: str, rate: float, burst: int) -> float:
        """Take a token from a bucket that all processes share; return 0, or the seconds after which to ask again.

        Never more than `rate` x t + `burst` tokens are given in any t seconds. Who has to wait has taken nothing.

        Args:
            bucket: which one; made full at its first use.
            rate: tokens per second that flow in, above 0.
            burst: tokens it holds, at least 1.
        """
        if not (rate > 0 and burst >= 1):
            raise ValueError(f"a bucket needs a rate above 0 and a burst of at least 1, not {rate} and {burst}")
        async with answering(self._url):
            return float(await self._take(keys=[_BUCKET + bucket], args=[repr(float(rate)), burst]))

    async def _lay(self, channels: tuple[str, ...]) -> PubSub:
        """Return a line that the server has confirmed for every channel: what is published from now on arrives."""
        line = self._lines.pubsub()
        async with AsyncExitStack() as undo:
            undo.push_async_callback(_drop, line)
            async with asyncio.timeout(_IDLE_S):
                await line.subscribe(*(PREFIX + channel for channel in channels))
                open_channels = 0
                while open_channels < len(set(channels)):
                    message = await line.get_message(timeout=_IDLE_S)
                    open_channels += message is not None and message["type"] == "subscribe"
            undo.pop_all()
        return line

    async def _pokes(self, line: PubSub, channels: tuple[str, ...]) -> AsyncGenerator[Poke, None]:
        """Read the line; lay it anew when it is cut, or when it says nothing for so long and a ping gets no answer."""
        asked = False
        try:
            while True:
                try:
                    message = await line.get_message(timeout=_IDLE_S)
                    if message is None and asked:
                        raise TimeoutError
                    if message is None:
                        await line.ping()
                except GONE:
                    await _drop(line)
                    line, asked = await self._lay_again(channels), False
                    yield Poke("", gap=True)
                    continue
                asked = message is None
                if message is not None and message["type"] == "message":
                    yield Poke(message["channel"].decode().removeprefix(PREFIX), message["data"])
        finally:
            await _drop(line)

    async def _lay_again(self, channels: tuple[str, ...]) -> PubSub:
        pause = 0.05
        while True:
            try:
                return await self._lay(channels)
            except GONE:
                await asyncio.sleep(pause)
                pause = min(_PATIENCE_S, pause * 2)


async def _drop(line: PubSub) -> None:
    with suppress(*GONE):
        await line.aclose()  # type: ignore[no-untyped-call]
