"""Open model: conversations arrive whether or not earlier ones have ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from krawall.engine.user import User
from krawall.load.adjusting import arrivals
from krawall.load.striping import share
from krawall.model.exchange import Dropped
from krawall.model.load import Open
from krawall.model.progress import Adjusted

if TYPE_CHECKING:
    from krawall.engine.shard import Shard


class Desk:
    """Gives arrivals to free users; drops or queues those that find none, as the load says."""

    def __init__(self, shard: Shard, load: Open, tasks: asyncio.TaskGroup) -> None:
        spec = shard.program.spec
        self._shard = shard
        self._course = shard.course
        self._load = load
        self._tasks = tasks
        self._most = share(load.max_users, spec.index, spec.count)
        self._free: list[User] = []
        self._users: list[User] = []
        self._waiting: deque[tuple[int, int]] = deque()
        self._open = False
        self._epoch = shard.course.adjusted
        self._known = self._epoch.epoch if self._epoch else 0
        self._taken = False  # all arrivals of the epoch
        self._next: deque[tuple[Adjusted, int]] = deque()  # changes to come, and the time at which they were heard of
        # A replacement goes on from now; only a promised number of conversations is made up for.
        self._since = shard.course.now() if spec.attempt > 1 and load.conversations is None else 0

    def change(self) -> None:
        """Take the arrivals of the newest load from its moment on."""
        new, adjusted = [], self._course.adjusted
        while adjusted is not None and adjusted.epoch > self._known:
            new.append((adjusted, self._course.heard))
            adjusted = adjusted.earlier
        if new:
            self._known = new[0][0].epoch
            self._next.extend(reversed(new))
        if not self._open:
            self._open = True
            self._shard.hire(self._tasks, self._run())

    async def _run(self) -> None:
        """Take every arrival of this shard at its moment, in one epoch after another."""
        spec, seed = self._shard.program.spec, self._shard.program.seed
        try:
            while self._next or not self._taken:
                if self._taken:
                    self._epoch, heard_ns = self._next.popleft()
                    self._since = max(
                        self._since, heard_ns
                    )  # who hears of it late has taken the old arrivals up to then
                await self._take(arrivals(self._load, self._epoch, seed, spec.index, spec.count))
                self._taken = True
        finally:
            self._open = False

    async def _take(self, stream: Iterator[tuple[int, int]]) -> None:
        course, shard = self._course, self._shard
        for number, at_ns in stream:
            if number in shard.done_before or at_ns < self._since:
                continue
            if self._over(at_ns):
                return
            if course.barred or at_ns > course.now():
                while not await course.idle_until(at_ns):
                    if self._over(at_ns):
                        return
            if shard.used_up(number):
                return
            self._arrive(number, max(course.zero + at_ns, course.resumed))

    def _over(self, at_ns: int) -> bool:
        """Tell whether a moment belongs to a later epoch."""
        return bool(self._next) and at_ns >= self._next[0][0].at_ns

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
            self._drop(number, due_ns)

    def _drop(self, number: int, due_ns: int) -> None:
        shard, course = self._shard, self._course
        shard.record(Dropped(number, shard.program.phases.at(course.since(due_ns)), due_ns - course.origin))

    def _begin(self, user: User, number: int, due_ns: int) -> None:
        self._shard.hire(self._tasks, self._serve(user, number, due_ns))

    async def _serve(self, user: User, number: int, due_ns: int) -> None:
        await user.converse(number, due_ns)
        while self._waiting and not self._course.stopping:
            number, due_ns = self._waiting.popleft()
            await user.converse(number, due_ns)
        self._free.append(user)

    async def close(self) -> None:
        """Hang up for every user; arrivals still waiting were never served."""
        for number, due_ns in self._waiting:
            self._drop(number, due_ns)
        for user in self._users:
            await user.close()
