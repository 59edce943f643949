"""A virtual user: a channel, its stamps and its watch; plays conversations one after another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from krawall.engine.conversation import Talk
from krawall.engine.mark import Stamps
from krawall.engine.watch import Watch
from krawall.model.load import Closed

if TYPE_CHECKING:
    from krawall.engine.shard import Shard


class User:
    """Lives as long as its shard. `task` is the task that plays it at the moment."""

    __slots__ = ("channel", "index", "mark", "shard", "task", "watch")

    index: int

    def __init__(self, shard: Shard, index: int) -> None:
        self.shard = shard
        self.index = index
        self.channel = shard.line.channel()
        self.mark = Stamps(shard.clock)
        self.watch = Watch(shard.loop, shard.clock, self.mark, shard.program.timeouts)
        self.task = cast("asyncio.Task[None]", asyncio.current_task())

    async def converse(self, conversation: int, planned_ns: int) -> None:
        """Play one conversation, unless its budget or its data row is used up."""
        self.task = cast("asyncio.Task[None]", asyncio.current_task())
        if await self.shard.start_conversation(conversation):
            await Talk(self, conversation, planned_ns).run()

    async def close(self) -> None:
        """Hang up."""
        self.watch.close()
        await self.channel.close()


async def closed_user(shard: Shard, index: int, load: Closed) -> None:
    """Play user `index` of a closed load: alive in its spans, conversation n is number n x peak + index."""
    pacing = shard.closed
    pause = None if load.pause.shape == "fixed" and load.pause.a == 0 else load.pause
    user: User | None = None
    number = index
    try:
        for span in pacing.spans(index):
            await shard.sleep_until(shard.origin + span.start_ns)
            user = user or User(shard, index)
            end_ns = shard.origin + span.end_ns if span.end_ns is not None else None
            ready_ns = shard.origin + span.start_ns
            while not shard.stopping and (end_ns is None or ready_ns < end_ns):
                if (load.conversations is not None and number >= load.conversations) or shard.used_up(number):
                    return
                if number not in shard.done_before and await shard.start_conversation(number):
                    await Talk(user, number, ready_ns).run()
                number += pacing.peak
                ready_ns = shard.clock()
                if pause is not None and not shard.stopping:
                    ready_ns += pause.draw(shard.jitter)
                    await shard.sleep_until(ready_ns)
    finally:
        if user:
            await user.close()
