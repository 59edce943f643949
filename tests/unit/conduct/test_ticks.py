"""Seconds of a session: each counts once, and slow sessions have percentiles of the last seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from krawall.conduct.saved import Saved
from krawall.conduct.ticks import OVER_S, Ticks
from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S
from krawall.model.session import Outcome, State
from krawall.testing.logs import SCENARIO, an_exchange
from krawall.testing.playing import plan_of

PLAN = plan_of(SCENARIO)
NOTHING = Saved(state=State.running, outcome=Outcome.completed, merged=Tally().encode())


def played(turns: list[int], saved: Saved = NOTHING) -> Ticks:
    ticks, merged = Ticks(PLAN, saved), Tally.decode(saved.merged)
    for second, count in enumerate(turns, 1):
        merged = merged.copy()
        for number in range(count):
            merged.add(an_exchange(second * 1000 + number, 1))
        ticks.add(merged, second * NS_PER_S, second * NS_PER_S, 1)
    return ticks


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_a_point_has_a_p95_as_soon_as_the_last_seconds_have_enough_turns(turns):
    points = played(turns).points
    assert [point.turns for point in points] == turns
    for at, point in enumerate(points):
        assert point.over_s == 1 or turns[at] < 20
        assert 1 <= point.over_s <= min(OVER_S, at + 1)
        covered = sum(turns[at + 1 - point.over_s : at + 1])
        assert (point.latency_p95 is not None) == (covered >= 20)
        assert (point.latency_p50 is not None) == (covered >= 5)


def test_whoever_goes_on_after_a_crash_counts_nothing_of_before():
    before = played([30, 30]).merged
    saved = Saved(state=State.running, outcome=Outcome.completed, merged=before.encode())
    assert [point.latency_p50 for point in played([2, 2], saved).points] == [None, None]
