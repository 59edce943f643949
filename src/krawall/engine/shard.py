"""Plays one shard of a plan: starts its users, reports each second, obeys the orders that come back."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import msgspec

from krawall.clock import monotonic_ns, wall_ns
from krawall.engine.arrivals import Desk
from krawall.engine.course import Course, wake
from krawall.engine.crew import Crew
from krawall.engine.ends import Stopped
from krawall.engine.gate import Environment, Hiding, Pinned
from krawall.engine.health import Watcher
from krawall.engine.hooked import hooked
from krawall.engine.limits import Limits
from krawall.engine.outbox import Outbox
from krawall.engine.program import Program
from krawall.engine.sent import Cell
from krawall.load.retry import Streak
from krawall.load.spend import Purse, least
from krawall.metrics.tally import Tally
from krawall.model.budget import Spend
from krawall.model.connector import Line, Secrets
from krawall.model.exchange import Fault, TargetFault
from krawall.model.exchange import Line as LogLine
from krawall.model.hook import Fetch
from krawall.model.load import Closed
from krawall.model.progress import Orders, Progress, Report
from krawall.model.sink import Sink
from krawall.net.caller import secret_values
from krawall.wire.redact import Redactor

REPORT_S = 1.0
GRACE_S = 30.0
BLIND_S = 10.0
FLUSH_S = 0.25
MOST_BUGS = 10


class Shard:
    """The state that users of one shard share. Lives for one shard of one session.

    `sent[0]` counts the attempts that were begun, where it may outlive the process; `secrets` open references;
    `fetch` is how hooks ask, by sockets of their own when it is None.
    """

    def __init__(
        self,
        program: Program,
        sinks: list[Sink],
        clock: Callable[[], int] = monotonic_ns,
        *,
        secrets: Secrets | None = None,
        sent: Cell | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self.program = program
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.tally = Tally()
        self.purse = Purse(Spend())
        self.jitter = Random(program.seed ^ (program.spec.index + 1) << 32)
        self.sent: Cell = [0] if sent is None else sent
        self.in_flight = self.talking = 0
        self.done_before = frozenset(program.spec.skip_done)
        self.line: Line
        self._secrets = secrets or Environment()
        self._fetch = fetch
        self._outbox = Outbox(sinks)
        self._watcher = Watcher(clock)
        self.course = Course(clock, self._watcher.woke)
        self.limits = Limits(program, self.course, clock)
        self.paced = self.limits.any
        self.hungry: dict[asyncio.Future[None], Spend] = {}  # who waits for how much, in turn
        self._tasks: set[asyncio.Task[None]] = set()
        self._staff: Crew | Desk | None = None
        self._poke = asyncio.Event()
        self._stir = asyncio.Event()
        self._over = False
        self._asked = ""
        self._seq = 0
        self._before, self._highest = 0, -1
        self._streak = Streak()
        self.guarded = True  # whether a success is worth telling: after a fault, or with a breaker
        self.trouble = ""
        self.redact: Callable[[str], str] | None = None
        self._bugs = 0
        self._wall = wall_ns() - clock()

    def wall_ns(self) -> int:
        """Return the wall clock by way of the engine's clock, ns."""
        return self._wall + self.clock()

    # used by users and conversations ------------------------------------------------------------------

    def record(self, line: LogLine) -> None:
        """Count a line and pass it on. The only road from what happened to numbers and log."""
        self.tally.add(line)
        self._outbox.put(line)

    def used_up(self, conversation: int) -> bool:
        """Tell whether the data, used once each, has no row for this conversation or any later one."""
        program = self.program
        return program.pick == "once each" and bool(program.rows) and conversation >= len(program.rows)

    async def start_conversation(self, conversation: int, epoch: int | None = None) -> bool:
        """Reserve a conversation; False when the session stops before there is one to be had, or its `epoch` is over."""
        worst = Spend(0, 0, 0, 1)
        if (denied := self.purse.reserve(worst)) is not None:
            try:
                await self.more_allowance(worst, denied)
            except Stopped:
                return False
        if epoch is not None and epoch != self._epoch:
            self.settle(worst, Spend())
            return False
        self.purse.settle(worst, worst)
        if conversation > self._highest:
            self._highest = conversation
        return True

    async def more_allowance(self, worst: Spend, denied: str) -> None:
        """Wait until `worst` is allowed: turns in flight give back what they did not use, the conductor may have more.

        Raises:
            Stopped: the session ends; a cap that nothing in flight can free any more is a reason.
        """
        patient = False
        while denied:
            if self.course.stopping:
                raise Stopped(self.course.stop_reason)
            self._asked = self._asked or f"cap: {denied}"
            if not patient:
                self._poke.set()  # once; after that the report of each second is soon enough
                patient = True
            future: asyncio.Future[None] = self.loop.create_future()
            self.hungry[future] = worst
            try:
                await future
            finally:
                del self.hungry[future]
            denied = self.purse.reserve(worst) or ""

    def settle(self, worst: Spend, actual: Spend) -> None:
        """Turn a reservation into what was really spent; those that wait for an allowance look again."""
        self.purse.settle(worst, actual)
        if self.hungry:
            self.wake_hungry()

    def wake_hungry(self) -> None:
        """Let those that wait for an allowance look again."""
        for future in list(self.hungry):
            wake(future)

    async def admit(self, worst: Spend, denied: str | None) -> bool:
        """Wait until an attempt may be sent: for an allowance when it was `denied` one, for pace, for the end of a pause.

        Return False when our own limit holds it back; `worst` is reserved all the same.

        Raises:
            Stopped: the session ends.
        """
        if denied is not None:
            await self.more_allowance(worst, denied)
        try:
            if self.paced:
                if self.limits.refuse():
                    return False
                await self.limits.wait()
            if self.course.barred:
                await self.course.sleep_until(self.clock())
        except (Stopped, asyncio.CancelledError):
            self.settle(worst, Spend())
            raise
        return True

    def settled(self, fault: Fault | None) -> None:
        """Learn from an attempt: breaker, protection against a wrong key."""
        if fault is not None and fault.injected:
            return
        self.guarded = fault is not None or self.limits.breaking
        self.limits.learn(fault is None)
        self._streak.record(fault)
        if self._streak.tripped and not self.course.stopping:
            self.ask_to_stop("protection: ten answers of 401 or 403 in a row; a wrong key is not load")

    def bug(self, error: BaseException) -> None:
        """Note an error of our own: the first is kept whole, the tenth stops the session."""
        self._bugs += 1
        if self._bugs == 1:
            self.trouble = "".join(traceback.format_exception(error))
        if self._bugs == MOST_BUGS:
            self.ask_to_stop(f"internal: {type(error).__name__}: {error}")

    def ask_to_stop(self, reason: str) -> None:
        """Ask the conductor to stop the whole session, and begin with this shard."""
        self._asked = self._asked or reason
        self._poke.set()
        self.stop("drain", reason)

    def hire(self, tasks: asyncio.TaskGroup, playing: Coroutine[Any, Any, None]) -> None:
        """Let a user play, in a task that a stop reaches."""
        task = tasks.create_task(self._guarded(playing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._stir.set()

    # the life of a shard --------------------------------------------------------------------------------

    def stop(self, how: str, reason: str = "") -> None:
        """Stop: `drain` lets turns in flight finish within the grace, `now` cancels them."""
        if not self.course.stopping:
            self.course.stop(reason)
            self.wake_hungry()
            self._stir.set()
            self.loop.call_later(GRACE_S, self._cancel_all)
        if how == "now":
            self._cancel_all()

    def _cancel_all(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    async def play(self, report: Report) -> None:
        """Open the line, get ready, wait for the start, play to the end, report the last word."""
        plan = self.program.plan
        connector = self.program.connector()
        state, reason = "done", ""
        target, spec = self.program.target, self.program.spec
        scrub = Redactor(secret_values(target, self._secrets))
        secrets, gate = Hiding(self._secrets, scrub), Pinned(plan.granted)
        async with (
            connector.open(target, secrets, gate, spec.session, self.program.timeouts) as line,
            hooked(line, target, secrets, gate, spec, self.clock, scrub, self._fetch) as (self.line, self.redact),
        ):
            try:
                await self.line.probe()
            except TargetFault as fault:
                await report(self._progress("failed", f"unreachable: {fault.fault.detail}"))
                return
            try:
                orders = await self._gather(report)
                if orders.stop == "no":
                    self.course.begin(orders.go_at_ns, replaces=self.program.spec.attempt > 1)
                    self.obey(orders)
                    await self._play_users(report)
            finally:
                self._outbox.close()
        if self._outbox.trouble:
            state, reason = "failed", f"log: {self._outbox.trouble}"
        await report(self._progress(state, reason or self.trouble))

    async def _gather(self, report: Report) -> Orders:
        """Report ready until the conductor says when to begin."""
        while True:
            orders = await report(self._progress("ready"))
            if orders.go_at_ns or orders.stop != "no":
                return orders
            await asyncio.sleep(0.05)

    async def _play_users(self, report: Report) -> None:
        load = self.program.plan.load
        async with asyncio.TaskGroup() as background:
            side = [
                background.create_task(part)
                for part in (self._watcher.run(), self._report_loop(report), self._flush_loop())
            ]
            try:
                async with asyncio.TaskGroup() as users:
                    staff = Crew(self, load, users) if isinstance(load, Closed) else Desk(self, load, users)
                    self._staff = staff
                    staff.change()
                    if self.program.spec.attempt > 1:
                        self._poke.set()  # it is known at once that somebody plays again
                    await self._until_over()
                await staff.close()
            finally:
                for task in side:
                    task.cancel()

    async def _until_over(self) -> None:
        """Return when nobody plays any more and no change can bring work."""
        while True:
            if self._tasks:
                await asyncio.wait(self._tasks)
            elif self.course.stopping or self._over:
                return
            else:
                self._stir.clear()
                self._poke.set()
                await self._stir.wait()

    async def _guarded(self, playing: Coroutine[Any, Any, None]) -> None:
        """A user's boundary: a stop ends it quietly, a bug of ours is kept and counted."""
        try:
            await playing
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001  the user's boundary
            self.bug(error)

    async def _flush_loop(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._outbox.flush()
            if self._outbox.trouble and not self.course.stopping:
                self.ask_to_stop(f"log: {self._outbox.trouble}")

    async def _report_loop(self, report: Report) -> None:
        while True:
            try:
                async with asyncio.timeout(REPORT_S):
                    await self._poke.wait()
            except TimeoutError:
                pass
            self._poke.clear()
            progress = self._progress("playing")
            try:
                async with asyncio.timeout(BLIND_S):
                    orders = await report(progress)
            except (TimeoutError, ConnectionError):
                self.stop("now", "blind: nobody answers; a generator that cannot be told to stop stops")
                return
            self.obey(orders)
            if progress.idle and not orders.stay and not self._tasks:
                self._over = True
                self._stir.set()

    def hear(self, orders: Orders) -> None:
        """Obey orders that come without a question, or late: allowances count as answers alone.

        A shard that stays with nothing to play asks whether it still must.
        """
        self.obey(msgspec.structs.replace(orders, allowance=None))
        if self._staff is not None and not self._tasks and not orders.answers:
            self._poke.set()

    def obey(self, orders: Orders) -> None:
        """Do as told: a new allowance, a stop, a pause, a change of the load."""
        if orders.allowance is not None:
            self.purse.allow(orders.allowance)
            if self._asked.startswith("cap:"):
                self._asked = ""
            self.wake_hungry()
        if orders.stop != "no":
            self.stop(orders.stop, orders.reason)
        if orders.go_at_ns and self.course.origin:
            self.course.pause(orders)
        if orders.adjusted is not None and orders.adjusted != self.course.adjusted:
            if orders.adjusted.epoch != self._epoch:
                self._before = self.purse.settled.conversations
                self._poke.set()
            self.course.change(orders.adjusted)
            if self._staff is not None:
                self._staff.change()

    @property
    def _epoch(self) -> int:
        return self.course.adjusted.epoch if self.course.adjusted else 0

    def _progress(self, state: str, reason: str = "") -> Progress:
        self._seq += 1
        dropped = sum(getattr(sink, "bodies_dropped", 0) for sink in self._outbox.sinks)
        return Progress(
            shard=self.program.spec.index,
            attempt=self.program.spec.attempt,
            seq=self._seq,
            at_ns=self.clock() - self.course.origin if self.course.origin else 0,
            state=state,  # type: ignore[arg-type]
            tally=self.tally.encode(),
            spent=self.purse.held,
            settled=self.purse.settled,
            health=self._watcher.health(self.talking, self.in_flight, dropped),
            reason=reason,
            stop=self._asked,
            epoch=self._epoch,
            before=self._before,
            highest=self._highest,
            idle=state == "playing" and not self._tasks,
            allowed=self.purse.allowed,
            wants=least(self.hungry.values()),
        )
