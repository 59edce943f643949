"""A worker: takes jobs, tells how it is every few seconds, leaves in order. Its loop computes nothing: engines are children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from krawall.clock import monotonic_ns, wall_ns
from krawall.errors import Unavailable
from krawall.metrics.histogram import Histogram
from krawall.model.base import NS_PER_S
from krawall.model.job import Compact, ConductSession, Deliver, Job, PlayShard, Upkeep
from krawall.model.kept import WorkerFacts
from krawall.plugins.missing import of_others
from krawall.queue.jobs import Taken
from krawall.version import __version__
from krawall.worker import chores, session, shard, spools
from krawall.worker.deliver import deliver
from krawall.worker.tools import Tools
from krawall.worker.upkeep import SLOT_S, upkeep

BEAT_S = 2.0
LAG_TICK_S = 0.05
MOST_SESSIONS = 200  # conducting is waiting, for the most part
CHORES = 4
CONDUCTOR_LOCK_S, CONDUCTOR_STALLED_S = 5.0, 1.5  # a conductor must be replaced before its shards are blind (10 s)
SHARD_LOCK_S, SHARD_STALLED_S = 10.0, 2.0

_log = structlog.get_logger("krawall.worker")


async def work(tools: Tools, stop: asyncio.Event) -> None:
    """Take jobs until `stop` is set, then leave in order: no new jobs, shards drain, the row says gone."""
    worker = _Worker(tools)
    await tools.clock.adjust()
    _log.info("worker ready", worker=tools.id, engines=tools.engines)
    async with asyncio.TaskGroup() as group:
        background = [group.create_task(each) for each in (worker.beat(), worker.watch(), worker.sweep())]
        try:
            async with AsyncExitStack() as stack:
                for queue, count, lock_s, stalled_s in (
                    ("sessions", MOST_SESSIONS, CONDUCTOR_LOCK_S, CONDUCTOR_STALLED_S),
                    ("shards", tools.engines, SHARD_LOCK_S, SHARD_STALLED_S),
                    ("chores", CHORES, 30.0, 10.0),
                ):
                    work = tools.jobs.work(queue, worker.handle, concurrency=count, lock_s=lock_s, stalled_s=stalled_s)
                    await stack.enter_async_context(work)
                await stop.wait()
                worker.state = "stopping"
                _log.info("worker stops", worker=tools.id, playing=sorted(tools.playing))
        finally:
            for task in background:
                task.cancel()
    with contextlib.suppress(Unavailable):
        await tools.store.workers.leave(tools.id)


class _Worker:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.state = "ready"
        self._began_ns = wall_ns()
        self._lag = Histogram()
        self._cpu = (monotonic_ns(), _cpu_s())
        self._plugins = of_others()

    async def handle(self, job: Job, taken: Taken) -> None:
        """Do a job. What it raises is for the queue: it logs it, and tries again."""
        tools = self._tools
        with tools.tracing.job(job, id=taken.id, attempt=taken.attempt) as noted:
            match job:
                case ConductSession():
                    await session.conduct(tools, job, noted)
                case PlayShard():
                    await shard.play(tools, job)
                case Compact():
                    await chores.compact(tools, job)
                case Deliver():
                    await deliver(tools, job.delivery)
                case Upkeep():
                    await upkeep(tools)

    async def beat(self) -> None:
        """Write the heartbeat row every two seconds; without a database there is none."""
        while True:
            try:
                await self._tools.store.workers.beat(self._facts())
            except Unavailable as error:
                _log.warning("no heartbeat", error=error.message)
            await asyncio.sleep(BEAT_S)

    async def watch(self) -> None:
        """Note how late the loop is, and keep the clock right."""
        loop = asyncio.get_running_loop()
        adjusted = loop.time()
        while True:
            due = loop.time() + LAG_TICK_S
            await asyncio.sleep(LAG_TICK_S)
            self._lag.record(max(0, round((loop.time() - due) * 1e6)))
            if loop.time() - adjusted > 30:
                adjusted = loop.time()
                with contextlib.suppress(Unavailable):
                    await self._tools.clock.adjust()

    async def sweep(self) -> None:
        """See to it that somebody does the upkeep: the job's id is its stretch of time, so one worker does each."""
        while True:
            slot = wall_ns() // (SLOT_S * NS_PER_S)
            with contextlib.suppress(Unavailable):
                await self._tools.jobs.enqueue(Upkeep(slot), id=f"upkeep.{slot}")
                await spools.clear(self._tools)
            await asyncio.sleep(SLOT_S)

    def _facts(self) -> WorkerFacts:
        lag, self._lag = self._lag, Histogram()
        (then, cpu_then), self._cpu = self._cpu, (monotonic_ns(), _cpu_s())
        wall = max(1e-9, (self._cpu[0] - then) / NS_PER_S)
        return WorkerFacts(
            id=self._tools.id, host=socket.gethostname(), pid=os.getpid(), version=__version__, state=self.state,
            started_ns=self._began_ns, seen_ns=wall_ns(), slots=self._tools.engines,
            lag_ms=lag.quantile(0.99) / 1e3 if lag.count else 0.0,
            cpu=(self._cpu[1] - cpu_then) / wall, memory=_memory(),
            playing=sorted(what for what, count in self._tools.playing.items() if count > 0), plugins=self._plugins,
        )  # fmt: skip


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _memory() -> int:
    """Return the resident memory, bytes; 0 where the system does not tell (Linux: /proc/self/statm, second field)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
