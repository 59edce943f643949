"""Plays a plan on this machine: engines in child processes, one conductor, the result in a directory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from krawall.clock import iso, monotonic_ns, wall_ns
from krawall.conduct.conductor import Conductor
from krawall.conduct.validity import judge as judge_generator
from krawall.engine.process import Child, child
from krawall.errors import KrawallError, Unavailable
from krawall.ids import new_id
from krawall.load.striping import shard_count
from krawall.metrics.summary import Facts, summarise
from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import parse
from krawall.model.exchange import Told
from krawall.model.plan import Plan, ShardSpec
from krawall.model.session import State
from krawall.model.summary import Picture, Summary
from krawall.services.directory import Manifest, SessionDirectory, count
from krawall.services.picture import picture
from krawall.services.planning import planned
from krawall.version import __version__

START_TIMEOUT_S = 30.0
MOST_ATTEMPTS = 3

Watch = Callable[[Picture], None]


class Session:
    """One session being played. `stop`: once drains, twice stops now."""

    def __init__(self, plan: Plan, directory: Path | None = None, processes: int | None = None) -> None:
        self.plan = plan
        self.id = new_id("ses")
        self.shards = shard_count(plan.load, processes, os.cpu_count() or 1)
        self._plan_json = plan.to_json()
        self._conductor = Conductor(plan, self.shards, monotonic_ns)
        self._children: dict[int, Child] = {}
        self._stops = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight = 0  # attempts that died with their process
        self._told = 0
        self.manifest = Manifest(
            krawall=__version__,
            session=self.id,
            plan_hash=plan.digest(),
            seed=plan.seed,
            name=plan.scenario.name,
            target=plan.target.url.split("?")[0] or plan.target.connector or "",
            started_at=iso(wall_ns()),
            shards=self.shards,
            planned=planned(plan),
        )
        self.directory = SessionDirectory.create(directory or Path("krawall-sessions") / self.id, plan, self.manifest)

    def stop(self) -> None:
        """A person asks to stop: turns in flight may finish; asked again, they may not."""
        self._stops += 1
        self._conductor.stop("person", "stopped by a person", now=self._stops > 1)
        self._tell()

    def pause(self) -> None:
        """Begin no further turn until `resume`. Raises Conflict when the session is over."""
        self._conductor.pause()
        self._tell()

    def resume(self) -> None:
        """Go on after a pause. Raises Conflict when the session is over."""
        self._conductor.resume()
        self._tell()

    def adjust(self, users: int | None = None, rate: float | None = None) -> None:
        """Play so many users, or arrivals per second, from now on.

        Raises:
            Conflict: the load is of the other model, or nothing of it is left to change.
            DocumentError: the number makes no sense.
            Refused: it is more than the guard rails allow.
        """
        self._conductor.adjust(users, rate)
        self._tell()

    def ask_to_stop(self) -> None:
        """The same from a signal handler or another thread; nothing once the session is over."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.stop)

    async def play(self, watch: Watch | None = None) -> Summary:
        """Play to the end and return the result; the directory holds it too.

        Raises:
            KrawallError: an engine did not start. Whatever was measured is in the directory.
        """
        self._loop = asyncio.get_running_loop()
        with self.directory.engine_log() as errors:
            try:
                async with asyncio.TaskGroup() as group:
                    shards = [group.create_task(self._shard(index, errors.fileno())) for index in range(self.shards)]
                    clock = group.create_task(self._clock(watch))
                    await asyncio.wait(shards)
                    clock.cancel()
            except* KrawallError as raised:
                raise raised.exceptions[0] from None
        return self._finish()

    async def _clock(self, watch: Watch | None) -> None:
        """Once a second: merge, judge, show."""
        began = monotonic_ns()
        while True:
            await asyncio.sleep(1.0)
            self._conductor.tick()
            if self._conductor.state is State.starting and monotonic_ns() - began > START_TIMEOUT_S * 1e9:
                self._conductor.stop(
                    "internal", f"only some of {self.shards} engines got ready within {START_TIMEOUT_S:.0f} s", now=True
                )
            self._tell()
            if watch:
                watch(picture(self._conductor, self.manifest))

    def _tell(self) -> None:
        """Tell every shard what has changed, if anything has; allowances come with the answers to their own reports."""
        if self._told != self._conductor.revision:
            self._told = self._conductor.revision
            for running in self._children.values():
                running.send(self._conductor.orders)

    async def _shard(self, index: int, errors: int) -> None:
        """Keep shard `index` running to its end; a process that dies is replaced."""
        for attempt in range(1, MOST_ATTEMPTS + 1):
            spec = ShardSpec(
                self.id,
                index,
                self.shards,
                attempt,
                str(self.directory.log),
                skip_done=self._done(index) if attempt > 1 else [],
            )
            if await self._attempt(spec, errors):
                return
            tally = count(self.directory.lines(self.directory.segments(index, attempt)))
            self._in_flight += self.directory.lost_in_flight(index, attempt)
            self._conductor.lost(index, tally, attempt)
            if self._conductor.orders.stop != "no":
                return
        self._conductor.stop(
            "internal", f"the engine process of shard {index} died {MOST_ATTEMPTS} times; see engine.log"
        )

    async def _attempt(self, spec: ShardSpec, errors: int) -> bool:
        """Run one process; True when it came to its end by itself."""
        finished = False
        async with child(self._plan_json, spec, errors) as running:
            self._children[spec.index] = running
            try:
                async for progress in running.reports():
                    running.send(self._conductor.report(progress))
                    self._tell()
                    finished = progress.state in ("done", "failed")
            finally:
                del self._children[spec.index]
        return finished

    def _done(self, index: int) -> list[int]:
        lines = self.directory.lines(self.directory.segments(index))
        return [line.conversation for line in lines if isinstance(line, Told) and line.outcome != "abandoned"]

    def _finish(self) -> Summary:
        conductor = self._conductor
        conductor.tick()
        conductor.finish()
        manifest = self.manifest
        manifest.state = State.finished
        manifest.outcome, manifest.reason, manifest.reason_kind = (
            conductor.outcome.value,
            conductor.reason,
            conductor.reason_kind,
        )
        manifest.generator = judge_generator(conductor.lag("loop_lag"), conductor.lag("send_lag"), conductor.health)
        manifest.windows = conductor.windows.worst
        manifest.points = conductor.points
        manifest.gaps, manifest.pauses = conductor.gaps, conductor.pauses
        bodies = sum(health.bodies_dropped for health in conductor.health)
        lost = {"processes": conductor.losses, "attempts in flight": self._in_flight, "bodies": bodies}
        manifest.lost = {name: number for name, number in lost.items() if number}
        tally = conductor.merge()
        summary = summary_of(self.directory, self.plan, manifest, tally)
        try:
            self.directory.save(manifest)
        except OSError as error:
            raise Unavailable(f"cannot write {self.directory.path}: {error.strerror}") from None
        return summary


def summary_of(directory: SessionDirectory, plan: Plan, manifest: Manifest, tally: Tally) -> Summary:
    """Return the summary: the same function for what was live and for what is read again."""
    facts = Facts(
        session=manifest.session,
        plan_hash=manifest.plan_hash,
        seed=manifest.seed,
        outcome=manifest.outcome,
        reason_kind=manifest.reason_kind,
        reason=manifest.reason,
        state=manifest.state,
        planned=manifest.planned,
        directory=str(directory.path),
        name=manifest.name,
        target=manifest.target,
        started_at=manifest.started_at,
        lost=manifest.lost,
        gaps=manifest.gaps,
        pauses=manifest.pauses,
    )
    rules = [parse(line) for line in plan.scenario.thresholds]
    return summarise(tally, facts, generator=manifest.generator, rules=rules, windows=manifest.windows)
