"""Merges what the shards report, judges it, and says what each shard is to do. Knows no transport: whoever calls it has the pipes.

States of a session as seen from here (model.session.TRANSITIONS):

    starting    shards get ready                     -> running when all are, finished when one cannot
    running     orders: allowance, pause, change     -> stopping when somebody or some rule says so, finished when all are done
    stopping    orders: drain, or now                -> finished
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import msgspec

from krawall.conduct.reports import Reports
from krawall.conduct.saved import Saved
from krawall.conduct.steering import Steering
from krawall.conduct.ticks import Ticks
from krawall.errors import Conflict
from krawall.load.timeline import Timeline
from krawall.metrics.histogram import Histogram
from krawall.metrics.tally import Tally
from krawall.metrics.windows import Windows
from krawall.model.base import NS_PER_S
from krawall.model.budget import Spend
from krawall.model.plan import Plan
from krawall.model.progress import Adjusted, Health, Orders, Progress
from krawall.model.session import Outcome, State, advance
from krawall.model.summary import Gap, Pause, Point

LEAD_NS = 200_000_000  # between "all are ready" and the start


class Conductor:
    """One per session. `report` takes a shard's progress and returns its orders; `tick` is called once a second.

    `saved`: go on where another one was. The newest report of each shard and the newest orders that it was told are to be
    taught with `recall` and `told`; what changes `revision` (the state, a stop, a pause, a change of the load, a lost
    attempt) is to be saved before anybody is told of it.
    """

    def __init__(self, plan: Plan, shards: int, clock: Callable[[], int], saved: Saved | None = None) -> None:
        budget = plan.scenario.budget
        total = Spend(budget.cost, budget.tokens, budget.requests, budget.conversations)
        saved = saved or Saved(State.starting, Outcome.completed)
        self.plan = plan
        self.state = saved.state
        self.outcome = saved.outcome
        self.reason = saved.reason
        self.reason_kind = saved.reason_kind
        self.origin = saved.origin
        self.revision = 0
        self._clock = clock
        self._count = shards
        self._stop = saved.stop
        self._over = saved.over
        self._reports = Reports(total, shards, saved)
        self._ticks = Ticks(plan, saved)
        self._timeline = Timeline(saved.pauses)
        self._steering = Steering(plan, saved.adjusted, saved.given)

    @classmethod
    def restored(cls, plan: Plan, shards: int, clock: Callable[[], int], saved: bytes) -> Self:
        """Return a conductor that goes on where `saved` (Saved.encode) was; one that begins when there is nothing."""
        return cls(plan, shards, clock, Saved.decode(saved) if saved else None)

    def save(self) -> Saved:
        """Return what another conductor needs to go on."""
        reports, losses, ticks, steering = self._reports, self._reports.losses, self._ticks, self._steering
        return Saved(
            self.state, self.outcome, self.origin, reports.allowances.kept(), self.reason, self.reason_kind, self._stop,
            self._over, list(self._timeline.pauses), steering.adjusted, steering.given,
            self.reports, list(losses.past), losses.number, list(losses.gaps), dict(reports.floor), dict(reports.told),
            dict(ticks.windows.worst), ticks.merged.encode(), ticks.at_ns, ticks.protection.first_p50_us,
        )  # fmt: skip

    # shards -----------------------------------------------------------------------------------------

    def report(self, progress: Progress) -> Orders:
        """Take a shard's running total, return its orders. A report that is repeated gets the same allowance again."""
        reports = self._reports
        if reports.late(progress):
            return Orders(stop="now", reason="a later attempt plays this shard", answers=progress.seq)
        if reports.repeated(progress):
            return self._answer(progress, reports.told.get(progress.shard))
        self.revision += reports.take(progress)
        if progress.state == "failed":
            self._failed(progress.reason)
        elif progress.stop and not progress.stop.startswith("cap:"):
            self.stop(*_told(progress.stop))
        if self.state is State.starting:
            self._start_if_ready()
        self.revision += self._steering.promise(reports.newest, reports.past, self._count)
        allowance = reports.allow(progress) if self.origin else None
        if reports.starving(progress) and not self.paused:
            self.stop("cap", f"the budget's {progress.stop.removeprefix('cap: ')} is used up")
        return self._answer(progress, allowance)

    def _answer(self, progress: Progress, allowance: Spend | None) -> Orders:
        stay = progress.idle and self._stays()
        return msgspec.structs.replace(self.orders, allowance=allowance, answers=progress.seq, stay=stay)

    def _stays(self) -> bool:
        """Say whether an idle shard is to stay: while others play, a change of the load can still bring it work."""
        length, reports = self.plan.load.length_ns, self._reports
        if self._stop != "no" or self._over or (length is not None and self.timeline_ns >= length):
            return False
        if len(reports.newest) < self._count or not reports.idle:
            return True
        self._over = True
        self.revision += 1
        return False

    def told(self, shard: int, orders: Orders | Spend, attempt: int | None = None) -> None:
        """Learn what a shard was told after the save: orders, or the allowance in them; `attempt`: which one, None: the newest."""
        allowance = orders.allowance if isinstance(orders, Orders) else orders
        if attempt is not None:
            if attempt < self._reports.floor.get(shard, 0):
                return
            self.revision += self._reports.attempt(shard, attempt)
        if allowance is not None:
            self._reports.allowances.taught(shard, allowance)

    def recall(self, progress: Progress) -> None:
        """Learn what a shard had reported after the save; nobody waits for an answer."""
        if not self._reports.late(progress) and not self._reports.repeated(progress):
            self.revision += self._reports.take(progress)
            self._reports.allowances.taught(progress.shard, progress.allowed)

    def lost(
        self, shard: int, tally: Tally | None, attempt: int | None = None, why: str = "its engine process died"
    ) -> None:
        """An attempt at a shard was lost. What it may have spent counts as spent.

        Args:
            shard: which one.
            tally: what its log holds, None: not known.
            attempt: which one; None: the newest. One that is lost already only gets its tally.
            why: for the report.
        """
        self.revision += self._reports.lost(shard, tally, attempt, self.elapsed_ns > 0, why)

    def replaced(self, shard: int, attempt: int) -> None:
        """A new attempt takes the place of a lost one; what earlier ones still say does not count."""
        self.revision += self._reports.attempt(shard, attempt)

    def _start_if_ready(self) -> None:
        ready = [progress for progress in self.reports if progress.state == "ready"]
        if len(ready) == self._count:
            self.origin = self._clock() + LEAD_NS
            self.state = advance(self.state, State.running)
            self.revision += 1

    def _failed(self, reason: str) -> None:
        kind = "unreachable" if reason.startswith("unreachable:") else "internal"
        self.stop(kind, reason.removeprefix("unreachable: ") if kind == "unreachable" else reason)

    # orders -----------------------------------------------------------------------------------------

    def stop(self, kind: str, reason: str, now: bool = False) -> None:
        """Stop the session: the first reason is the one that counts. `now` cancels turns in flight."""
        before = self._stop
        if self._stop == "no":
            self.reason, self.reason_kind = reason, kind
            self.outcome = _OUTCOMES.get(kind, Outcome.aborted)
            self._stop = "drain"
            self._timeline.resume(self.elapsed_ns)
            if self.state in (State.running, State.starting):
                self.state = advance(self.state, State.stopping)
        if now:
            self._stop = "now"
        self.revision += self._stop != before

    def pause(self) -> None:
        """Begin no further turn until `resume`; the timeline stands still. Nothing new when it does so already.

        Raises:
            Conflict: the session is stopping or finished.
        """
        self._steerable("paused")
        self.revision += not self.paused
        self._timeline.pause(self.elapsed_ns)

    def resume(self) -> None:
        """Go on after a pause.

        Raises:
            Conflict: the session is stopping or finished.
        """
        self._steerable("resumed")
        self.revision += self.paused
        self._timeline.resume(self.elapsed_ns)

    def adjust(self, users: int | None = None, rate: float | None = None, epoch: int | None = None) -> None:
        """Play `users` users (closed model) or `rate` arrivals per second (open model) from now on.

        `epoch`: the number of this change, larger than any before; nothing happens when it has been made already.

        Raises:
            Conflict: the load is of the other model, or nothing of it is left to change.
            DocumentError: the number makes no sense.
            Refused: it is more than the guard rails allow.
        """
        self._steerable("changed")
        if self._over:
            raise Conflict("all conversations of this session have been played")
        epoch = self.epoch + 1 if epoch is None else epoch
        if epoch > self.epoch:
            highest = max((progress.highest for progress in self._reports.all), default=-1)
            self._steering.adjust(users, rate, epoch, self.timeline_ns if self.origin else None, highest)
            self.revision += 1

    def _steerable(self, what: str) -> None:
        if self.state not in (State.starting, State.running) or self._stop != "no":
            raise Conflict(f"a session that is {self.state} cannot be {what}")

    @property
    def orders(self) -> Orders:
        """What every shard is told besides its allowance."""
        shift_ns, adjusted = self._timeline.shift_ns, self._steering.adjusted
        return Orders(self.origin, self._stop, None, self.reason, 0, self.paused, shift_ns, adjusted)  # type: ignore[arg-type]

    def tick(self) -> None:
        """Merge, note a point for the charts, judge what may stop the session."""
        elapsed = self.elapsed_ns
        if not self.origin or elapsed < 0:
            return
        self._ticks.add(self._reports.merge(reported=True), elapsed, self.timeline_ns, self.users)
        if self._stop != "no":
            return
        pauses = [(pause.from_ns, elapsed if pause.to_ns is None else pause.to_ns) for pause in self._timeline.pauses]
        reason = self._ticks.judge(elapsed, self.paused, pauses)
        if reason is not None and reason.kind:
            self.stop(reason.kind, reason.words)
        elif reason is not None:
            self._stop, self.reason = "drain", reason.words
            self.revision += 1

    def finish(self) -> None:
        """All shards are done."""
        if self.state is not State.finished:
            self._timeline.resume(self.elapsed_ns)
            self.state = advance(self.state, State.finished)

    # readings ---------------------------------------------------------------------------------------

    def merge(self) -> Tally:
        """Return the result so far: the newest progress of all shards, and of dead ones what their logs hold."""
        return self._reports.merge(reported=False)

    @property
    def latest(self) -> Tally:
        """The sum as of the last tick."""
        return self._ticks.merged

    def recent(self, seconds: int) -> Tally:
        """Return what the last `seconds` (at most 15) added, as of the last tick."""
        return self._ticks.recent(seconds)

    @property
    def points(self) -> list[Point]:
        """One point per tick, of this conductor's own."""
        return self._ticks.points

    @property
    def windows(self) -> Windows:
        """The windows of rules that have one."""
        return self._ticks.windows

    @property
    def elapsed_ns(self) -> int:
        """Time since the first start, ns; 0 before."""
        return self._clock() - self.origin if self.origin else 0

    @property
    def timeline_ns(self) -> int:
        """The same without the pauses: what pacing, phases and windows go by."""
        return self._timeline.at(self.elapsed_ns)

    @property
    def paused(self) -> bool:
        """Whether a person has paused the session."""
        return self._timeline.paused

    @property
    def epoch(self) -> int:
        """The newest change of the load; 0: it plays as planned."""
        return self._steering.epoch

    @property
    def adjusted(self) -> Adjusted | None:
        """The newest change of the load."""
        return self._steering.adjusted

    @property
    def gaps(self) -> list[Gap]:
        """Stretches in which nobody played a shard."""
        return list(self._reports.losses.gaps)

    @property
    def pauses(self) -> list[Pause]:
        """Stretches in which a person had paused the session."""
        ends = [(pause.from_ns, pause.to_ns) for pause in self._timeline.pauses]
        return [Pause(start / NS_PER_S, None if end is None else end / NS_PER_S) for start, end in ends]

    @property
    def losses(self) -> int:
        """How many attempts at shards were lost."""
        return self._reports.losses.number

    @property
    def reports(self) -> list[Progress]:
        """The newest progress of every shard that is there."""
        return list(self._reports.newest.values())

    @property
    def spent(self) -> Spend:
        """What all attempts have spent for certain, lost ones by their last report."""
        return self._reports.spent

    def heard_s(self, shard: int) -> float:
        """Return when a shard was heard of last, seconds since the session began; 0: never."""
        told = [progress.at_ns for progress in self._reports.all if progress.shard == shard]
        return told[-1] / NS_PER_S if told else 0.0

    @property
    def users(self) -> int:
        """Users in a conversation, by the last reports."""
        return sum(progress.health.users for progress in self.reports)

    @property
    def in_flight(self) -> int:
        """Turns under way, by the last reports."""
        return self._reports.in_flight

    @property
    def health(self) -> list[Health]:
        """The health of every attempt that there was."""
        return self._reports.health

    def lag(self, which: str) -> Histogram:
        """Return the merged histogram `loop_lag` or `send_lag` of all shards, microseconds."""
        return self._reports.lag(which)


_OUTCOMES = {"person": Outcome.cancelled, "unreachable": Outcome.failed, "internal": Outcome.failed}


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
