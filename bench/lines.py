"""A connector's line under load without an engine: messages a second, and memory for each connected user."""

from __future__ import annotations

import asyncio
import gc
import resource
import time

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.model.connector import Channel, Line
from krawall.testing.asking import prompt_of

MANY = 1000


async def _ask(channel: Channel, until_ns: int) -> int:
    mark, prompt, count = Stamps(monotonic_ns), prompt_of("where is my parcel?"), 0
    while monotonic_ns() < until_ns:
        mark.reset()
        await channel.exchange(prompt, mark)
        count += mark.events
    return count


async def speed(line: Line, users: int, seconds: float) -> tuple[float, float]:
    """Return content events received a second of wall clock, and of CPU time of the client (all its threads)."""
    channels = [line.channel() for _ in range(users)]
    await asyncio.gather(*(_ask(channel, monotonic_ns() + 300_000_000) for channel in channels))
    began, cpu = monotonic_ns(), time.process_time()
    counts = await asyncio.gather(*(_ask(channel, began + round(seconds * 1e9)) for channel in channels))
    took, cpu = (monotonic_ns() - began) / 1e9, time.process_time() - cpu
    for channel in channels:
        await channel.close()
    return sum(counts) / took, sum(counts) / cpu


def _resident_kb() -> float:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1024


async def memory_kb(line: Line) -> float:
    """Return KB for each user that is connected and has had a reply."""
    channels: list[Channel] = []

    async def grow(by: int) -> float:
        for _ in range(by):
            channel = line.channel()
            channels.append(channel)
            await channel.exchange(prompt_of("hello"), Stamps(monotonic_ns))
        return _resident_kb()

    before = await grow(100)
    after = await grow(MANY)
    for channel in channels:
        await channel.close()
    return (after - before) / MANY
