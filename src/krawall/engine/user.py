"""A virtual user: a channel, its stamps and its watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from krawall.engine.conversation import Talk
from krawall.engine.mark import Stamps
from krawall.engine.watch import Watch

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
        if self.shard.course.barred:
            planned_ns = await self.shard.course.sleep_until(planned_ns)
        if await self.shard.start_conversation(conversation):
            await Talk(self, conversation, planned_ns).run()

    async def close(self) -> None:
        """Hang up."""
        self.watch.close()
        await self.channel.close()
