"""One session second by second: points for the charts, and what may stop it: thresholds, protection, time."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from krawall.conduct.protection import Protection
from krawall.conduct.saved import Saved
from krawall.load.pacing import Phases
from krawall.metrics.summary import ENOUGH, point
from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import Pauses, abort_now, parse
from krawall.metrics.windows import Windows
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.plan import Plan
from krawall.model.summary import Point

OVER_S = 15  # over how many seconds a point's percentiles reach at most
OVERTIME_NS = 30 * NS_PER_S  # how long conversations may go on after the timeline


class Reason(NamedTuple):
    """Why a session must stop. `kind` empty: it has come to its end."""

    kind: str
    words: str


class Ticks:
    """Owned by the conductor. `merged` is the tally of the last tick, at `at_ns` of the timeline."""

    def __init__(self, plan: Plan, saved: Saved) -> None:
        self._plan = plan
        self.points: list[Point] = []
        self.rules = [parse(line) for line in plan.scenario.thresholds]
        self.merged, self.at_ns = Tally.decode(saved.merged), saved.ticked_ns
        self._begun = self.merged
        self._states: deque[tuple[int, Tally]] = deque(maxlen=16)
        measure = Phases(plan.load).measure
        self.windows = Windows(self.rules, measure.start_ns, measure.end_ns)
        self.windows.go_on(saved.windows, self.merged, self.at_ns)
        self.protection = Protection(plan.granted.tier, saved.first_p50_us)

    def add(self, merged: Tally, elapsed_ns: int, at_ns: int, users: int) -> None:
        """Note a second. `elapsed_ns` is real time, `at_ns` time of the timeline."""
        self.points.append(self._point(merged, elapsed_ns, users))
        self.merged, self.at_ns = merged, at_ns
        self._states.append((elapsed_ns, merged))
        self.windows.tick(merged, at_ns)

    def _point(self, merged: Tally, elapsed_ns: int, users: int) -> Point:
        """Return the point of this second. Where it has too few turns for a p95, percentiles are of the last seconds."""
        added, at_s = merged.minus(self.merged), elapsed_ns / NS_PER_S
        if not self._states or added.histogram("latency").count >= ENOUGH[0.95]:
            return point(added, at_s, users)
        back = min(OVER_S, len(self._states) + 1)  # ticks, so about as many seconds
        before = self._states[-back][1] if back <= len(self._states) else self._begun
        return point(added, at_s, users, merged.minus(before), back)

    def judge(self, elapsed_ns: int, paused: bool, pauses: Pauses) -> Reason | None:
        """Return why the session must stop, if it must. In a pause only the budget's time goes on."""
        scenario, merged, at_ns = self._plan.scenario, self.merged, self.at_ns
        if not paused:
            for rule in self.rules:
                if why := abort_now(rule, merged, self.windows.latest(rule), at_ns, pauses):
                    return Reason("threshold", why)
            if why := self.protection.look(merged, at_ns):
                return Reason("protection", why)
        if elapsed_ns > scenario.budget.duration:
            return Reason("cap", f"the budget's duration of {format_duration(scenario.budget.duration)} is used up")
        if (most := scenario.timeouts.session) and at_ns > most:
            return Reason("cap", f"the session took longer than its timeout of {format_duration(most)}")
        if (length := self._plan.load.length_ns) is not None and at_ns > length + OVERTIME_NS:
            return Reason("", "conversations that went on after the timeline were ended")
        return None

    def recent(self, seconds: int) -> Tally:
        """Return what the last `seconds` (at most 15) added, as of the last tick."""
        if not self._states:
            return Tally()
        since = self._states[-1][0] - seconds * NS_PER_S
        before = [tally for at_ns, tally in self._states if at_ns <= since]
        return self.merged.minus(before[-1]) if before else self.merged
