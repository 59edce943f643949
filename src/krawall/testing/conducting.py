"""A session in virtual time: its conductor and all its shards in one loop, without processes, sockets or files.

A script steers it, kills shards and replaces the conductor while it plays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from krawall.conduct.conductor import Conductor
from krawall.engine.outbox import Kept
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S
from krawall.model.exchange import Dropped, Exchange, Line, Told
from krawall.model.plan import Plan, ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.model.summary import Point
from krawall.testing.virtual import clock, run_virtual

Script = Callable[["Session"], Awaitable[None]]


class Session:
    """One session. `late_s`: how long a report, and what is told without a question, is under way; every `lossy`-th answer is
    lost on its way, 0: none.
    """

    def __init__(self, plan: Plan, shards: int, late_s: float = 0.0, lossy: int = 0) -> None:
        self.plan = plan
        self.shards = shards
        self.conductor = Conductor(plan, shards, clock)
        self.rows: list[Point] = []  # the points of all conductors
        self.reports: list[Progress] = []
        self.playing: dict[int, Shard] = {}
        self._late_s = late_s
        self._lossy = lossy
        self._answers = 0
        self._lines: list[Line] = []
        self._kept: dict[int, Kept] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._attempts = dict.fromkeys(range(shards), 0)
        self._told = 0
        self._saved = self.conductor.save().encode()
        self._newest: dict[int, tuple[Progress, Orders]] = {}
        self._there = asyncio.Event()
        self._there.set()
        self._began = asyncio.Event()

    # what a script may do -----------------------------------------------------------------------------

    async def until(self, at_s: float) -> None:
        """Wait until so many seconds after the start."""
        await self._began.wait()
        await asyncio.sleep(max(0.0, (self.conductor.origin - clock()) / NS_PER_S + at_s))

    def steer(self, act: Callable[[Conductor], None]) -> None:
        """Pause, resume or change the load, and tell every shard."""
        act(self.conductor)
        self.tell()

    async def replace_conductor(self, hole_s: float, teach: bool) -> None:
        """Let the conductor vanish, answers under way with it; after the hole another one goes on from the last save.

        It knows the last words of shards that are done. `teach`: it is told the newest report and orders of the others too, as
        they stand on the boards of a server.
        """
        self._there.clear()
        await asyncio.sleep(hole_s)
        self.conductor = Conductor.restored(self.plan, self.shards, clock, self._saved)
        self._told = self.conductor.revision
        for shard, (progress, orders) in self._newest.items():
            if teach or progress.state == "done":
                self.conductor.recall(progress)
                self.conductor.told(shard, orders, progress.attempt)
        self._there.set()

    def tell(self) -> None:
        """Save and tell every shard what has changed, if anything has."""
        if self._told != self.conductor.revision:
            self._told = self.conductor.revision
            self._saved = self.conductor.save().encode()
            for shard in self.playing.values():
                self._group.create_task(self._hear(shard))

    async def _hear(self, shard: Shard) -> None:
        await asyncio.sleep(self._late_s)
        if shard in self.playing.values():
            shard.hear(self.conductor.orders)  # the newest, as on a board

    async def kill(self, index: int) -> None:
        """End a shard as a killed process does: what it has not flushed is lost."""
        kept = list(self._kept[index].lines)
        shard = self.playing.pop(index)
        self._tasks[index].cancel()
        await asyncio.wait([self._tasks[index]])
        self._lines += kept
        tally = Tally()
        for line in kept:
            tally.add(line)
        self.conductor.lost(index, tally, shard.program.spec.attempt)
        self._kept[index] = Kept()

    def replace(self, index: int) -> None:
        """Start a shard again after a kill."""
        self._start(index)

    # the run ------------------------------------------------------------------------------------------

    async def play(self, script: Script | None = None) -> None:
        """Play to the end."""
        async with asyncio.TaskGroup() as self._group:
            ticking = self._group.create_task(self._tick())
            for index in range(self.shards):
                self._start(index)
            steering = self._group.create_task(self._steer(script))
            await steering
            while self._tasks.values() and not all(task.done() for task in self._tasks.values()):
                await asyncio.wait(self._tasks.values())
            ticking.cancel()
        self._note()
        self.conductor.finish()

    async def _steer(self, script: Script | None) -> None:
        if script is not None:
            await script(self)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self._there.wait()
            self._note()
            self.tell()

    def _note(self) -> None:
        """A tick, its rows, and the save: one transaction."""
        known = len(self.conductor.points)
        self.conductor.tick()
        self.rows += self.conductor.points[known:]
        self._saved = self.conductor.save().encode()

    def _start(self, index: int) -> None:
        self._attempts[index] += 1
        done = [line.conversation for line in self.lines if isinstance(line, Told) and line.outcome != "abandoned"]
        mine = [number for number in done if self._attempts[index] > 1]
        spec = ShardSpec("ses_test", index, self.shards, self._attempts[index], "", skip_done=mine)
        self._kept[index] = Kept()
        shard = self.playing[index] = Shard(Program(self.plan, spec), [self._kept[index]], clock)
        self._tasks[index] = self._group.create_task(self._play(index, shard))

    async def _play(self, index: int, shard: Shard) -> None:
        async def report(progress: Progress) -> Orders:
            while True:
                await asyncio.sleep(self._late_s)
                await self._there.wait()
                self.reports.append(progress)
                asked = self.conductor
                orders = asked.report(progress)
                self._newest[index] = (progress, orders)
                if asked.origin:
                    self._began.set()
                self.tell()
                self._answers += 1
                lost = self.conductor is not asked or (self._lossy and self._answers % self._lossy == 0)
                if not lost or progress.state == "done":
                    return orders

        await shard.play(report)
        assert not shard.trouble, shard.trouble
        self.playing.pop(index, None)

    # what came of it ------------------------------------------------------------------------------------

    @property
    def lines(self) -> list[Line]:
        """All lines so far."""
        return [*self._lines, *(line for kept in self._kept.values() for line in kept.lines)]

    @property
    def exchanges(self) -> list[Exchange]:
        """The attempts, by the moment at which they were sent."""
        return sorted((line for line in self.lines if isinstance(line, Exchange)), key=lambda line: line.sent_ns)

    @property
    def told(self) -> list[Told]:
        """The conversations, by their numbers."""
        return sorted((line for line in self.lines if isinstance(line, Told)), key=lambda line: line.conversation)

    @property
    def dropped(self) -> list[Dropped]:
        """Arrivals that found no user, by their numbers."""
        return sorted((line for line in self.lines if isinstance(line, Dropped)), key=lambda line: line.conversation)


def conducted(
    plan: Plan, shards: int = 1, script: Script | None = None, late_s: float = 0.0, lossy: int = 0
) -> Session:
    """Play a session in virtual time and return it."""

    async def main() -> Session:
        session = Session(plan, shards, late_s, lossy)
        await session.play(script)
        return session

    return run_virtual(main())
