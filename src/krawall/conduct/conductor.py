"""Merges what the shards report, judges it, and says what each shard is to do. Knows no transport: whoever calls it has the pipes.

States of a session as seen from here (model.session.TRANSITIONS):

    starting    shards get ready                     -> running when all are, finished when one cannot
    running     orders: allowance                    -> stopping when somebody or some rule says so, finished when all are done
    stopping    orders: drain, or now                -> finished
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from krawall.conduct.protection import Protection
from krawall.load.allowances import Allowances
from krawall.load.pacing import Phases
from krawall.metrics.histogram import Histogram
from krawall.metrics.summary import point
from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import abort_now, parse
from krawall.metrics.windows import Windows
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.budget import Spend
from krawall.model.plan import Plan
from krawall.model.progress import Health, Orders, Progress
from krawall.model.session import Outcome, State, advance
from krawall.model.summary import Point

LEAD_NS = 200_000_000  # between "all are ready" and the start
OVERTIME_NS = 30 * NS_PER_S  # how long conversations may go on after the timeline


class Conductor:
    """One per session. `report` takes a shard's progress and returns its orders; `tick` is called once a second."""

    def __init__(self, plan: Plan, shards: int, clock: Callable[[], int]) -> None:
        self.plan = plan
        self.state = State.starting
        self.outcome = Outcome.completed
        self.reason = ""
        self.reason_kind = ""
        self.points: list[Point] = []
        self.rules = [parse(line) for line in plan.scenario.thresholds]
        measure = Phases(plan.load).measure
        self.windows = Windows(self.rules, measure.start_ns, measure.end_ns)
        self.origin = 0
        self._clock = clock
        self._count = shards
        budget = plan.scenario.budget
        self._allowances = Allowances(Spend(budget.cost, budget.tokens, budget.requests, budget.conversations), shards)
        self._progress: dict[int, Progress] = {}
        self._past: list[Progress] = []  # last words of shards that died
        self._hungry: dict[int, int] = {}
        self._told: dict[int, Spend | None] = {}
        self._stop = "no"
        self._merged = Tally()
        self._states: deque[tuple[int, Tally]] = deque(maxlen=16)
        self._protection = Protection(plan.granted.tier)

    # shards -----------------------------------------------------------------------------------------

    def report(self, progress: Progress) -> Orders:
        """Take a shard's running total, return its orders."""
        known = self._progress.get(progress.shard)
        if known is not None and (known.attempt, known.seq) >= (progress.attempt, progress.seq) and progress.seq:
            return Orders(stop="now", reason="a later attempt plays this shard")
        self._progress[progress.shard] = progress
        if progress.state == "failed":
            self._failed(progress.reason)
        elif progress.stop and not progress.stop.startswith("cap:"):
            self.stop(*_told(progress.stop))
        if self.state is State.starting:
            self._start_if_ready()
        allowance = self._allowances.answer(progress.shard, progress.spent) if self.origin else None
        self._feed(progress, allowance)
        return Orders(self.origin, self._stop, allowance, self.reason)  # type: ignore[arg-type]

    def lost(self, shard: int, tally: Tally | None) -> None:
        """A shard's process died. `tally` is what its log holds; what it may have spent counts as spent."""
        last = self._progress.pop(shard, None)
        self._allowances.lost(shard)
        if last is not None:
            self._past.append(last if tally is None else _with_tally(last, tally))

    def replaced(self, shard: int, attempt: int) -> None:
        """A new attempt takes the place of a lost one."""
        self._progress.pop(shard, None)
        self._hungry.pop(shard, None)

    def _start_if_ready(self) -> None:
        ready = [progress for progress in self._progress.values() if progress.state == "ready"]
        if len(ready) == self._count:
            self.origin = self._clock() + LEAD_NS
            self.state = advance(self.state, State.running)

    def _feed(self, progress: Progress, allowance: Spend | None) -> None:
        """A shard that asks again and gets no more, while no turn is in flight anywhere, has reached a cap."""
        before, self._told[progress.shard] = self._told.get(progress.shard), allowance
        cap = progress.stop.removeprefix("cap: ")
        if cap == progress.stop or allowance is None or before is None or _of(allowance, cap) > _of(before, cap):
            self._hungry.pop(progress.shard, None)
            return
        asked = self._hungry[progress.shard] = self._hungry.get(progress.shard, 0) + 1
        if asked > 2 and not self.in_flight:
            self.stop("cap", f"the budget's {cap} is used up")

    def _failed(self, reason: str) -> None:
        kind = "unreachable" if reason.startswith("unreachable:") else "internal"
        self.stop(kind, reason.removeprefix("unreachable: ") if kind == "unreachable" else reason)

    # orders -----------------------------------------------------------------------------------------

    def stop(self, kind: str, reason: str, now: bool = False) -> None:
        """Stop the session: the first reason is the one that counts. `now` cancels turns in flight."""
        if self._stop == "no":
            self.reason, self.reason_kind = reason, kind
            self.outcome = _OUTCOMES.get(kind, Outcome.aborted)
            self._stop = "drain"
            if self.state in (State.running, State.starting):
                self.state = advance(self.state, State.stopping)
        if now:
            self._stop = "now"

    @property
    def orders(self) -> Orders:
        """What every shard is told besides its allowance."""
        return Orders(self.origin, self._stop, None, self.reason)  # type: ignore[arg-type]

    def tick(self) -> None:
        """Merge, note a point for the charts, judge what may stop the session."""
        if not self.origin or self.elapsed_ns < 0:
            return
        merged = self.merge()
        elapsed = self.elapsed_ns
        self.points.append(point(merged.minus(self._merged), elapsed / NS_PER_S, self.users))
        self._merged = merged
        self._states.append((elapsed, merged))
        self.windows.tick(merged, elapsed)
        if self._stop != "no":
            return
        self._judge(merged, elapsed)

    def _judge(self, merged: Tally, elapsed: int) -> None:
        for rule in self.rules:
            if why := abort_now(rule, merged, self.windows.latest(rule), elapsed):
                self.stop("threshold", why)
                return
        scenario = self.plan.scenario
        if why := self._protection.look(merged, elapsed):
            self.stop("protection", why)
        elif elapsed > scenario.budget.duration:
            self.stop("cap", f"the budget's duration of {format_duration(scenario.budget.duration)} is used up")
        elif scenario.timeouts.session and elapsed > scenario.timeouts.session:
            self.stop(
                "cap", f"the session took longer than its timeout of {format_duration(scenario.timeouts.session)}"
            )
        elif (length := self.plan.load.length_ns) is not None and elapsed > length + OVERTIME_NS:
            self._stop = "drain"
            self.reason = "conversations that went on after the timeline were ended"

    def finish(self) -> None:
        """All shards are done."""
        if self.state is not State.finished:
            self.state = advance(self.state, State.finished)

    # readings ---------------------------------------------------------------------------------------

    def merge(self) -> Tally:
        """Return the sum of the newest progress of all shards, dead ones included."""
        whole = Tally()
        for progress in [*self._past, *self._progress.values()]:
            if progress.tally:
                whole.merge(Tally.decode(progress.tally))
        return whole

    @property
    def latest(self) -> Tally:
        """The sum as of the last tick."""
        return self._merged

    def recent(self, seconds: int) -> Tally:
        """Return what the last `seconds` (at most 15) added, as of the last tick."""
        if not self._states:
            return Tally()
        since = self._states[-1][0] - seconds * NS_PER_S
        before = [tally for at_ns, tally in self._states if at_ns <= since]
        return self._merged.minus(before[-1]) if before else self._merged

    @property
    def elapsed_ns(self) -> int:
        """Time since the first start, ns; 0 before."""
        return self._clock() - self.origin if self.origin else 0

    @property
    def users(self) -> int:
        """Users in a conversation, by the last reports."""
        return sum(progress.health.users for progress in self._progress.values())

    @property
    def in_flight(self) -> int:
        """Turns under way, by the last reports."""
        return sum(progress.health.in_flight for progress in self._progress.values())

    @property
    def health(self) -> list[Health]:
        """The health of every shard that there was."""
        return [progress.health for progress in [*self._past, *self._progress.values()]]

    def lag(self, which: str) -> Histogram:
        """Return the merged histogram `loop_lag` or `send_lag` of all shards, microseconds."""
        whole = Histogram()
        for health in self.health:
            whole.merge(Histogram.from_pairs(getattr(health, which)))
        return whole


_OUTCOMES = {"person": Outcome.cancelled, "unreachable": Outcome.failed, "internal": Outcome.failed}


def _of(spend: Spend, cap: str) -> int:
    """Return the amount of a spend that a cap's name means."""
    amount: int = getattr(spend, "cost_pico" if cap == "cost" else cap)
    return amount


def _told(reason: str) -> tuple[str, str]:
    """Split a shard's request to stop, `protection: why`, into kind and reason."""
    kind, _, words = reason.partition(": ")
    kinds = {
        "rule": "protection",
        "protection": "protection",
        "internal": "internal",
        "log": "internal",
        "blind": "internal",
    }
    words = f"the log cannot be written: {words}" if kind == "log" else words
    return kinds.get(kind, "internal"), words if kind != "rule" else f"the error policy says abort: {words}"


def _with_tally(progress: Progress, tally: Tally) -> Progress:
    return msgspec.structs.replace(progress, tally=tally.encode())
