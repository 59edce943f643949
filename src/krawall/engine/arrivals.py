"""Open model: conversations arrive whether or not earlier ones have ended."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from krawall.engine.user import User
from krawall.load.pacing import OpenPacing
from krawall.load.striping import share
from krawall.model.exchange import Dropped
from krawall.model.load import Open

if TYPE_CHECKING:
    from krawall.engine.shard import Shard


class Desk:
    """Gives arrivals to free users; drops or queues those that find none, as the load says."""

    def __init__(self, shard: Shard, load: Open, tasks: asyncio.TaskGroup) -> None:
        spec = shard.program.spec
        self._shard = shard
        self._load = load
        self._tasks = tasks
        self._most = share(load.max_users, spec.index, spec.count)
        self._free: list[User] = []
        self._users: list[User] = []
        self._waiting: deque[tuple[int, int]] = deque()
        # A replacement goes on from now; only a promised number of conversations is made up for.
        self._since = shard.clock() if spec.attempt > 1 and load.conversations is None else 0

    async def run(self) -> None:
        """Take every arrival of this shard at its moment."""
        shard, spec = self._shard, self._shard.program.spec
        for number, at_ns in OpenPacing(self._load, shard.program.seed).arrivals(spec.index, spec.count):
            due_ns = shard.origin + at_ns
            if due_ns > shard.clock():
                await shard.sleep_until(due_ns)
            if shard.stopping or shard.used_up(number):
                break
            if number not in shard.done_before and due_ns >= self._since:
                self._arrive(number, due_ns)

    def _arrive(self, number: int, due_ns: int) -> None:
        if self._free:
            self._begin(self._free.pop(), number, due_ns)
        elif len(self._users) < self._most:
            user = User(self._shard, self._shard.program.spec.index + len(self._users) * self._shard.program.spec.count)
            self._users.append(user)
            self._begin(user, number, due_ns)
        elif self._load.overrun == "queue":
            self._waiting.append((number, due_ns))
        else:
            self._shard.record(
                Dropped(number, self._shard.program.phases.at(due_ns - self._shard.origin), due_ns - self._shard.origin)
            )

    def _begin(self, user: User, number: int, due_ns: int) -> None:
        self._shard.own(self._tasks.create_task(self._serve(user, number, due_ns)))

    async def _serve(self, user: User, number: int, due_ns: int) -> None:
        await user.converse(number, due_ns)
        while self._waiting and not self._shard.stopping:
            number, due_ns = self._waiting.popleft()
            await user.converse(number, due_ns)
        self._free.append(user)

    async def close(self) -> None:
        """Hang up for every user; arrivals still waiting were never served."""
        for number, due_ns in self._waiting:
            self._shard.record(
                Dropped(number, self._shard.program.phases.at(due_ns - self._shard.origin), due_ns - self._shard.origin)
            )
        for user in self._users:
            await user.close()
