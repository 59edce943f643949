"""How shards and their conductor talk across machines: two boards of newest words, and pokes that may be lost.

    up.<session>    shard.attempt -> msgpack of its newest Progress
    down.<session>  shard.attempt -> msgpack of its newest Orders

A word on a board stays until the next one takes its place, so whoever missed the poke finds it; whoever got no answer puts
the same word up again, and the conductor answers a repeated report as it did before. Moments on the boards are on the clock
of the queue's server; `Clock` translates them to this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from krawall.clock import monotonic_ns
from krawall.errors import Unavailable
from krawall.model.progress import Orders, Progress
from krawall.queue.bus import Bus

ENDED = "ended"  # the reason of a last report that does not mean that the shard is done
AGAIN_S = 0.5  # without an answer the same report is put up again
_progress = msgspec.msgpack.Decoder(Progress)
_orders = msgspec.msgpack.Decoder(Orders)


class Clock:
    """The queue server's clock by way of this machine's monotonic one, ns. One per process; `adjust` now and then."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.offset = 0

    async def adjust(self) -> None:
        """Ask the server for the time, best of three round trips.

        Raises:
            Unavailable: it does not answer.
        """
        self.offset = await self._bus.clock()

    def now(self) -> int:
        """Return the server's time."""
        return monotonic_ns() + self.offset

    def here(self, at_ns: int) -> int:
        """Return a moment of the server's clock on this machine's monotonic one; 0 stays 0."""
        return at_ns - self.offset if at_ns else 0


def field(shard: int, attempt: int) -> str:
    """Return the place on the boards of an attempt at a shard."""
    return f"{shard}.{attempt}"


def encode(word: Progress | Orders) -> bytes:
    """Return a word as it stands on a board."""
    return msgspec.msgpack.encode(word)


def decode_progress(data: bytes) -> Progress:
    """Return what a shard reported."""
    return _progress.decode(data)


def decode_orders(data: bytes) -> Orders:
    """Return what a shard was told."""
    return _orders.decode(data)


class ShardLink:
    """The shard's end. Owned by the job that plays one attempt."""

    def __init__(self, bus: Bus, clock: Clock, session: str, shard: int, attempt: int) -> None:
        self._bus = bus
        self._clock = clock
        self._up, self._down = f"up.{session}", f"down.{session}"
        self._field = field(shard, attempt)
        self._poked = asyncio.Event()
        self._told = b""

    async def say(self, progress: Progress) -> None:
        """Put up a report.

        Raises:
            Unavailable: the queue does not answer.
        """
        await self._bus.board_put(self._up, self._field, encode(progress))
        await self._bus.publish(self._up, self._field.encode())

    async def ask(self, progress: Progress, over: Callable[[], Awaitable[bool]]) -> Orders:
        """Put up a report and return the orders that answer it; asks again until somebody answers or the session is `over`."""
        tries = 0
        while True:
            tries += 1
            if tries % 10 == 0:
                with contextlib.suppress(Unavailable):
                    if await over():
                        return Orders(answers=progress.seq, stop="now", reason="the session is over")
            with contextlib.suppress(Unavailable):
                await self.say(progress)
            async with _within(AGAIN_S):
                while True:
                    orders = await self.read()
                    if orders is not None and (orders.answers >= progress.seq or orders.stop == "now"):
                        return orders
                    self._poked.clear()
                    await self._poked.wait()

    async def read(self) -> Orders | None:
        """Return the newest orders, on this machine's clock; None when there are none or the queue is away."""
        try:
            data = await self._bus.board_get(self._down, self._field)
        except Unavailable:
            return None
        if not data:
            return None
        self._told = data
        orders = decode_orders(data)
        return msgspec.structs.replace(orders, go_at_ns=self._clock.here(orders.go_at_ns))

    @asynccontextmanager
    async def following(self) -> AsyncIterator[AsyncIterator[Orders]]:
        """Wake `ask` on every poke while the block lasts; the iterator yields orders that came without a question."""
        async with self._bus.follow(self._down) as pokes:
            yield self._changes(pokes)

    async def _changes(self, pokes: AsyncIterator[object]) -> AsyncIterator[Orders]:
        async for _ in pokes:
            self._poked.set()
            before = self._told
            orders = await self.read()
            if orders is not None and self._told != before:
                yield orders


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            yield
