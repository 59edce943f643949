"""Rules with a window (`over 10s`): judged each second on the last such seconds; the worst completed window counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from krawall.metrics.catalog import METRICS, Kind
from krawall.metrics.rule import Rule
from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import judge, worse
from krawall.model.summary import Judged


class Windows:
    """The windows of one session. Times are ns of the timeline. Owned by whoever merges tallies, live or in recount; lives as long as the session.

    The phase `measure` begins at `begin_ns` and ends at `end_ns` (None: not known). Windows begin within it. Windows
    that end after it still count, since slow replies come late, but not for rules per second: nothing starts any more.
    """

    def __init__(self, rules: Sequence[Rule], begin_ns: int = 0, end_ns: int | None = None) -> None:
        self.worst: dict[str, Judged] = {}  # by the rule's text
        self._rules = [rule for rule in rules if rule.over_ns]
        self._longest_ns = max((rule.over_ns or 0 for rule in self._rules), default=0)
        self._end_ns = end_ns
        # Before the phase begins nothing of it was measured, so its state then is an empty tally.
        self._states: deque[tuple[int, Tally]] = deque([(begin_ns, Tally())])
        self._latest: dict[int, Tally] = {}

    def go_on(self, worst: Mapping[str, Judged], tally: Tally, at_ns: int) -> None:
        """Go on after a hole: with what was known, and the merged tally of the last tick before it. The first window covers it."""
        self.worst = dict(worst)
        if at_ns > self._states[-1][0]:
            self._states = deque([(at_ns, tally)])

    def tick(self, tally: Tally, at_ns: int) -> None:
        """Take in the merged tally at `at_ns`. It is kept, so the caller must not change it afterwards."""
        if not self._rules or at_ns <= self._states[-1][0]:
            return
        self._latest.clear()
        for rule in self._rules:
            self._judge(rule, tally, at_ns)
        self._states.append((at_ns, tally))
        while len(self._states) > 1 and self._states[1][0] <= at_ns - self._longest_ns:
            self._states.popleft()

    def latest(self, rule: Rule) -> Tally | None:
        """Return the last completed window of the rule's length, for `abort_now`; None before there is one."""
        return self._latest.get(rule.over_ns or 0)

    def _judge(self, rule: Rule, tally: Tally, at_ns: int) -> None:
        assert rule.over_ns is not None
        before = [state for state in self._states if state[0] <= at_ns - rule.over_ns]
        if not before:
            return
        if rule.over_ns not in self._latest:
            self._latest[rule.over_ns] = tally.minus(before[-1][1])
        if self._end_ns is not None and at_ns > self._end_ns and METRICS[rule.metric].kind is Kind.pace:
            return
        judged = judge(rule, self._latest[rule.over_ns], at_ns - before[-1][0])
        known = self.worst.get(rule.text)
        self.worst[rule.text] = judged if known is None else worse(rule, known, judged)
