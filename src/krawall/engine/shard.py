"""Plays one shard of a plan: starts its users, reports each second, obeys the orders that come back."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from random import Random

from krawall.clock import monotonic_ns, wall_ns
from krawall.engine.arrivals import Desk
from krawall.engine.ends import Stopped
from krawall.engine.gate import Environment, Pinned
from krawall.engine.health import Watcher
from krawall.engine.outbox import Outbox
from krawall.engine.program import Program
from krawall.engine.user import closed_user
from krawall.load.breaker import CircuitBreaker
from krawall.load.bucket import TokenBucket
from krawall.load.pacing import ClosedPacing
from krawall.load.retry import Streak
from krawall.load.spend import Purse
from krawall.load.striping import share, users_of
from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S
from krawall.model.budget import Spend
from krawall.model.connector import Line
from krawall.model.exchange import Fault, TargetFault
from krawall.model.exchange import Line as LogLine
from krawall.model.load import Closed
from krawall.model.progress import Orders, Progress, Report
from krawall.model.sink import Sink
from krawall.model.target import Pace
from krawall.net.caller import secret_values
from krawall.wire.redact import Redactor

REPORT_S = 1.0
GRACE_S = 30.0
BLIND_S = 10.0
FLUSH_S = 0.25
MOST_BUGS = 10


class Shard:
    """The state that users of one shard share. Lives for one shard of one session."""

    def __init__(self, program: Program, sinks: list[Sink], clock: Callable[[], int] = monotonic_ns) -> None:
        self.program = program
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.tally = Tally()
        self.purse = Purse(Spend())
        self.jitter = Random(program.seed ^ (program.spec.index + 1) << 32)
        self.origin = 0
        self.stopping = False
        self.stop_reason = ""
        self.in_flight = self.talking = 0
        self.done_before = frozenset(program.spec.skip_done)
        self.line: Line
        self._outbox = Outbox(sinks)
        self._watcher = Watcher(clock)
        self._sleeping: set[asyncio.Future[None]] = set()
        self.hungry: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._poke = asyncio.Event()
        self._asked = ""
        self._seq = 0
        self._streak = Streak()
        self.guarded = True  # whether a success is worth telling: after a fault, or with a breaker
        self._breaker = CircuitBreaker(program.policy.breaker) if program.policy.breaker else None
        self._buckets = self._make_buckets()
        pace = program.target.pace
        self._strict = self._bucket(pace) if pace and pace.when_empty != "wait" else None
        self.paced = bool(self._buckets) or self._breaker is not None or self._strict is not None
        self.trouble = ""
        self.redact: Redactor | None = None
        self._bugs = 0
        self._wall = wall_ns() - clock()
        if isinstance(program.plan.load, Closed):
            self.closed = ClosedPacing(program.plan.load)

    def _make_buckets(self) -> list[TokenBucket]:
        count = self.program.spec.count
        buckets = []
        if (pace := self.program.target.pace) and pace.when_empty == "wait":
            buckets.append(self._bucket(pace))
        if rate := self.program.plan.granted.requests_per_s:
            buckets.append(TokenBucket(rate / count, 1))
        return buckets

    def _bucket(self, pace: Pace) -> TokenBucket:
        spec = self.program.spec
        return TokenBucket(pace.rate / spec.count, max(1, share(pace.burst, spec.index, spec.count)))

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

    async def start_conversation(self, conversation: int) -> bool:
        """Reserve a conversation; False when the session stops before there is one to be had."""
        worst = Spend(0, 0, 0, 1)
        if (denied := self.purse.reserve(worst)) is not None:
            try:
                await self.more_allowance(worst, denied)
            except Stopped:
                return False
        self.purse.settle(worst, worst)
        return True

    async def more_allowance(self, worst: Spend, denied: str) -> None:
        """Wait until `worst` is allowed: turns in flight give back what they did not use, the conductor may have more.

        Raises:
            Stopped: the session ends; a cap that nothing in flight can free any more is a reason.
        """
        patient = False
        while denied:
            if self.stopping:
                raise Stopped(self.stop_reason)
            if not self._asked:
                self._asked = f"cap: {denied}"
                if not patient:
                    self._poke.set()  # once; after that the report of each second is soon enough
                patient = True
            future: asyncio.Future[None] = self.loop.create_future()
            self.hungry.add(future)
            try:
                await future
            finally:
                self.hungry.discard(future)
            denied = self.purse.reserve(worst) or ""

    def settle(self, worst: Spend, actual: Spend) -> None:
        """Turn a reservation into what was really spent; those that wait for an allowance look again."""
        self.purse.settle(worst, actual)
        if self.hungry:
            self.wake_hungry()

    def wake_hungry(self) -> None:
        """Let those that wait for an allowance look again."""
        for future in list(self.hungry):
            _wake(future)

    async def admit(self, worst: Spend, denied: str | None) -> bool:
        """Wait until an attempt may be sent: for an allowance when it was `denied` one, then for pace.

        Return False when our own limit holds it back; `worst` is reserved all the same.

        Raises:
            Stopped: the session ends.
        """
        if denied is not None:
            await self.more_allowance(worst, denied)
        return not self.paced or await self.pace(worst)

    async def pace(self, worst: Spend) -> bool:
        """Wait for the client-side limits and the circuit breaker; `worst` is given back when the session stops meanwhile.

        Return False when the target's pace says not to wait, and its bucket is empty.

        Raises:
            Stopped: the session ends.
        """
        if self._strict is not None and not self._strict.try_take(self.clock()):
            return False
        try:
            await self._wait_for_pace()
        except (Stopped, asyncio.CancelledError):
            self.settle(worst, Spend())
            raise
        return True

    async def _wait_for_pace(self) -> None:
        for bucket in self._buckets:
            wait = bucket.take(self.clock())
            if wait:
                await self.sleep_until(self.clock() + wait)
        while self._breaker and not self._breaker.allow(self.clock()):
            await self.sleep_until(self.clock() + max(1_000_000, self._breaker.wait_ns(self.clock())))
        if self.stopping:
            raise Stopped(self.stop_reason)

    def settled(self, fault: Fault | None) -> None:
        """Learn from an attempt: breaker, protection against a wrong key."""
        if fault is not None and fault.injected:
            return
        self.guarded = fault is not None or self._breaker is not None
        if self._breaker:
            self._breaker.record(fault is None, self.clock())
        self._streak.record(fault)
        if self._streak.tripped and not self.stopping:
            self.ask_to_stop("protection: ten answers of 401 or 403 in a row; a wrong key is not load")

    async def sleep_until(self, at_ns: int) -> None:
        """Sleep until a moment of the engine's clock; a stop wakes everybody.

        Raises:
            Stopped: the session is to stop.
        """
        now = self.clock()
        if at_ns > now:
            if self.stopping:
                raise Stopped(self.stop_reason)
            future: asyncio.Future[None] = self.loop.create_future()
            handle = self.loop.call_later((at_ns - now) / NS_PER_S, _wake, future)
            self._sleeping.add(future)
            try:
                await future
            finally:
                handle.cancel()
                self._sleeping.discard(future)
            if self.stopping:
                raise Stopped(self.stop_reason)
        self._watcher.woke(at_ns, self.clock())

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

    def own(self, task: asyncio.Task[None]) -> None:
        """Remember a user's task, so that a stop reaches it."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # the life of a shard --------------------------------------------------------------------------------

    def stop(self, how: str, reason: str = "") -> None:
        """Stop: `drain` lets turns in flight finish within the grace, `now` cancels them."""
        first = not self.stopping
        self.stopping = True
        self.stop_reason = self.stop_reason or reason or "stopped"
        if first:
            for future in [*self._sleeping, *self.hungry]:
                _wake(future)
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
        secrets = Environment()
        if values := secret_values(self.program.target, secrets):
            self.redact = Redactor(values)
        async with connector.open(
            self.program.target, Environment(), Pinned(plan.granted), self.program.spec.session, self.program.timeouts
        ) as line:
            self.line = line
            try:
                await line.probe()
            except TargetFault as fault:
                await report(self._progress("failed", f"unreachable: {fault.fault.detail}"))
                return
            try:
                orders = await self._gather(report)
                if orders.stop == "no":
                    self.origin = orders.go_at_ns
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
        spec = self.program.spec
        async with asyncio.TaskGroup() as background:
            side = [
                background.create_task(part)
                for part in (self._watcher.run(), self._report_loop(report), self._flush_loop())
            ]
            try:
                async with asyncio.TaskGroup() as users:
                    if isinstance(load, Closed):
                        for index in users_of(spec.index, spec.count, self.closed.peak):
                            self.own(users.create_task(self._guarded(closed_user(self, index, load))))
                    else:
                        desk = Desk(self, load, users)
                        self.own(users.create_task(self._guarded(desk.run())))
                if not isinstance(load, Closed):
                    await desk.close()
            finally:
                for task in side:
                    task.cancel()

    async def _guarded(self, playing: Callable[..., None] | object) -> None:
        """A user's boundary: a stop ends it quietly, a bug of ours is kept and counted."""
        try:
            await playing  # type: ignore[misc]
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001  the user's boundary
            self.bug(error)

    async def _flush_loop(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._outbox.flush()
            if self._outbox.trouble and not self.stopping:
                self.ask_to_stop(f"log: {self._outbox.trouble}")

    async def _report_loop(self, report: Report) -> None:
        while True:
            try:
                async with asyncio.timeout(REPORT_S):
                    await self._poke.wait()
            except TimeoutError:
                pass
            self._poke.clear()
            try:
                async with asyncio.timeout(BLIND_S):
                    orders = await report(self._progress("playing"))
            except (TimeoutError, ConnectionError):
                self.stop("now", "blind: nobody answers; a generator that cannot be told to stop stops")
                return
            self.obey(orders)

    def obey(self, orders: Orders) -> None:
        """Do as told: a new allowance, a stop."""
        if orders.allowance is not None:
            self.purse.allow(orders.allowance)
            if self._asked.startswith("cap:"):
                self._asked = ""
            self.wake_hungry()
        if orders.stop != "no":
            self.stop(orders.stop, orders.reason)

    def _progress(self, state: str, reason: str = "") -> Progress:
        self._seq += 1
        dropped = sum(getattr(sink, "bodies_dropped", 0) for sink in self._outbox.sinks)
        return Progress(
            shard=self.program.spec.index,
            attempt=self.program.spec.attempt,
            seq=self._seq,
            at_ns=self.clock() - self.origin if self.origin else 0,
            state=state,  # type: ignore[arg-type]
            tally=self.tally.encode(),
            spent=self.purse.held,
            settled=self.purse.settled,
            health=self._watcher.health(self.talking, self.in_flight, dropped),
            reason=reason,
            stop=self._asked,
        )


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
