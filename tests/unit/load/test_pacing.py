"""Spans and arrivals against brute force: what each shard works out by itself adds up to the profile that was asked for."""

from __future__ import annotations

import math
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.load.pacing import ClosedPacing, OpenPacing, Phases, Span, phase_at, planned_conversations
from krawall.load.striping import users_of
from krawall.model.base import NS_PER_S
from krawall.model.load import Closed, Open, RateStage, Stage

SHARDS = st.sampled_from([1, 3, 7])
GRID_NS = 10_000_000


def s(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def line_at(stages: list[tuple[int, float]], t_ns: int) -> float:
    """Return the value of a profile at `t_ns` by walking it, stage by stage."""
    start, value, now = 0, 0.0, 0.0
    for over, to in stages:
        if over == 0:
            now = to if t_ns >= start else now
        elif start <= t_ns < start + over:
            now = value + (to - value) * (t_ns - start) / over
        start, value = start + over, to
    return now if t_ns < start else 0.0


def integral_on_grid(stages: list[tuple[int, float]]) -> list[float]:
    """Return the integral at each multiple of GRID_NS by the trapezoid rule; lengths must be multiples of it."""
    sums, value = [0.0], 0.0
    for over, to in stages:
        steps = over // GRID_NS
        for step in range(steps):
            low = value + (to - value) * step / steps
            high = value + (to - value) * (step + 1) / steps
            sums.append(sums[-1] + (low + high) / 2 * GRID_NS / NS_PER_S)
        value = to
    return sums


lengths = st.one_of(st.just(0), st.integers(1, 300).map(lambda steps: steps * GRID_NS))


def profiles(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[int, float]]]:
    return st.lists(st.tuples(lengths, values), min_size=1, max_size=6).filter(
        lambda stages: any(over for over, _ in stages)
    )


user_profiles = profiles(st.one_of(st.integers(0, 12).map(float), st.floats(0, 12)))
rate_profiles = profiles(st.one_of(st.integers(0, 30).map(float), st.floats(0.01, 30)))


def closed_of(stages: list[tuple[int, float]]) -> Closed:
    return Closed(users=[Stage.model_construct(over=over, to=to) for over, to in stages])


def open_of(stages: list[tuple[int, float]], arrivals: str = "constant") -> Open:
    rate = [RateStage.model_construct(over=over, to=to) for over, to in stages]
    return Open.model_validate({"rate": rate, "arrivals": arrivals})


def alive(spans: list[Span], t_ns: int) -> bool:
    return any(span.start_ns <= t_ns and (span.end_ns is None or t_ns < span.end_ns) for span in spans)


@given(user_profiles, SHARDS, st.lists(st.integers(0, s(20)), max_size=10))
def test_users_alive_over_all_shards_are_as_many_as_asked_for(
    stages: list[tuple[int, float]], count: int, moments: list[int]
) -> None:
    pacing = ClosedPacing(closed_of(stages))
    spans = {k: pacing.spans(k) for i in range(count) for k in users_of(i, count, pacing.peak)}
    assert sorted(spans) == list(range(pacing.peak))
    for t_ns in moments:
        wanted = line_at(stages, t_ns)
        assert pacing.users_at(t_ns) == pytest.approx(wanted, abs=1e-9)
        # spans begin and end at whole ns, half a ns from the true crossing at most: 6e-7 users on the steepest ramp here
        assert math.ceil(wanted - 1e-6) <= sum(alive(own, t_ns) for own in spans.values()) <= math.ceil(wanted + 1e-6)


@given(user_profiles)
def test_spans_are_ascending_apart_and_add_up_to_the_area_under_the_profile(stages: list[tuple[int, float]]) -> None:
    pacing = ClosedPacing(closed_of(stages))
    length_ns = pacing.length_ns or 0
    lived = 0
    for user in range(pacing.peak):
        spans = pacing.spans(user)
        edges = [edge for span in spans for edge in (span.start_ns, span.end_ns or 0)]
        assert all(a < b for a, b in pairwise(edges))
        assert all(0 <= edge <= length_ns for edge in edges)
        lived += sum((span.end_ns or 0) - span.start_ns for span in spans)
    area = integral_on_grid(stages)[-1]
    assert (
        area - 1e-6 <= lived / NS_PER_S <= area + length_ns / NS_PER_S + 1e-6
    )  # ceil(users) is up to 1 more than users
    assert pacing.spans(pacing.peak) == []


@given(rate_profiles, SHARDS, st.sampled_from(["constant", "poisson"]), st.integers(0, 2**32))
def test_arrivals_of_all_shards_are_the_whole(
    stages: list[tuple[int, float]], count: int, kind: str, seed: int
) -> None:
    load = open_of(stages, kind)
    whole = list(OpenPacing(load, seed).arrivals())
    parts = [list(OpenPacing(load, seed).arrivals(i, count)) for i in range(count)]
    assert sorted(arrival for part in parts for arrival in part) == whole
    assert all(j % count == i for i, part in enumerate(parts) for j, _ in part)
    assert [j for j, _ in whole] == list(range(len(whole)))
    assert all(a <= b for (_, a), (_, b) in pairwise(whole))
    assert all(0 <= at_ns < (load.length_ns or 0) for _, at_ns in whole)
    assert planned_conversations(load, seed) == len(whole)


@given(rate_profiles)
def test_even_arrivals_agree_with_integration_by_brute_force(stages: list[tuple[int, float]]) -> None:
    pacing = OpenPacing(open_of(stages), 0)
    sums = integral_on_grid(stages)
    arrivals = list(pacing.arrivals())
    assert len(arrivals) == pytest.approx(sums[-1], abs=1.000001)
    for j, at_ns in arrivals:
        cell = at_ns // GRID_NS
        assert sums[cell] - 1e-6 <= j <= sums[min(cell + 1, len(sums) - 1)] + 1e-6


@given(rate_profiles, st.integers(0, s(18)), st.integers(0, s(18)))
def test_arrivals_in_any_window_are_its_integral(stages: list[tuple[int, float]], one: int, other: int) -> None:
    start, end = sorted((one // GRID_NS, other // GRID_NS))
    sums = integral_on_grid(stages)
    area = sums[min(end, len(sums) - 1)] - sums[min(start, len(sums) - 1)]
    got = sum(start * GRID_NS <= at_ns < end * GRID_NS for _, at_ns in OpenPacing(open_of(stages), 0).arrivals())
    assert got == pytest.approx(area, abs=1.000001)


@given(rate_profiles, st.integers(0, s(20)))
def test_rate_is_the_profile(stages: list[tuple[int, float]], t_ns: int) -> None:
    assert OpenPacing(open_of(stages), 0).rate_at(t_ns) == pytest.approx(line_at(stages, t_ns), abs=1e-9)


@given(st.integers(0, 2**64), st.integers(1, 200))
def test_poisson_is_the_same_for_the_same_seed_and_stops_at_the_conversations(seed: int, most: int) -> None:
    load = Open(rate=50.0, arrivals="poisson", conversations=most)
    first = list(OpenPacing(load, seed).arrivals())
    assert first == list(OpenPacing(load, seed).arrivals())
    assert len(first) == most == planned_conversations(load, seed)
    assert first != list(OpenPacing(load, seed + 1).arrivals())


def test_poisson_has_the_mean_and_spread_of_a_poisson_process() -> None:
    load = Open(rate=[RateStage(over="100s", to=40.0)], arrivals="poisson")
    counts = [len(list(OpenPacing(load, seed).arrivals())) for seed in range(60)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    assert mean == pytest.approx(OpenPacing(load, 0).expected(), rel=0.02)  # seeds are fixed: this cannot flicker
    assert 0.6 < variance / mean < 1.5


def test_constant_rate_begins_at_zero_and_is_evenly_spaced() -> None:
    pacing = OpenPacing(Open(rate=5.0, duration="2s"), 1)
    assert [at_ns for _, at_ns in pacing.arrivals()] == [s(0.2) * j for j in range(10)]
    assert (pacing.expected(), pacing.length_ns, pacing.rate_at(s(1.5)), pacing.rate_at(s(2))) == (10.0, s(2), 5.0, 0.0)


def test_a_count_that_is_whole_is_not_one_more_by_rounding() -> None:
    assert OpenPacing(Open.model_validate({"rate": "6/h", "duration": "10m"}), 0).planned() == 1
    assert len(list(OpenPacing(Open(rate=0.1, duration="30s"), 0).arrivals())) == 3


def test_an_arrival_within_the_last_ns_is_still_before_the_end() -> None:
    assert list(OpenPacing(Open(rate=1.0000000002, duration="1s"), 0).arrivals()) == [(0, 0), (1, s(1) - 1)]


def test_a_ramp_begins_at_zero_and_arrives_at_the_square_roots() -> None:
    pacing = OpenPacing(Open(rate=[RateStage(over="10s", to=10.0)]), 0)  # integral t²/2
    assert [at_ns for _, at_ns in islice(pacing.arrivals(), 3)] == [0, s(math.sqrt(2)), s(2)]
    assert pacing.expected() == 50.0


def test_no_arrival_falls_into_a_rest() -> None:
    stages = [("10s", 0.0), ("0s", 1.0), ("10s", 1.0), ("0s", 0.0), ("10s", 0.0), ("0s", 1.0), ("5s", 1.0)]
    load = Open(rate=[RateStage(over=over, to=to) for over, to in stages])
    seconds = [at_ns / NS_PER_S for _, at_ns in OpenPacing(load, 0).arrivals()]
    assert seconds == [*range(10, 20), *range(30, 35)]


def test_a_rate_of_zero_has_no_arrivals() -> None:
    assert list(OpenPacing(Open(rate=[RateStage(over="10s", to=0.0)]), 0).arrivals()) == []


def test_conversations_alone_end_an_open_load() -> None:
    pacing = OpenPacing(Open(rate=2.0, conversations=3), 0)
    assert list(pacing.arrivals()) == [(0, 0), (1, s(0.5)), (2, s(1))]
    assert (pacing.length_ns, pacing.expected()) == (None, 3.0)
    assert OpenPacing(Open(rate=2.0, conversations=0), 0).planned() == 0


def test_constant_users_all_live_from_zero() -> None:
    timed = ClosedPacing(Closed(users=3, duration="2s"))
    assert [timed.spans(k) for k in range(4)] == [[Span(0, s(2))]] * 3 + [[]]
    counted = ClosedPacing(Closed(users=2, conversations=9))
    assert (counted.spans(1), counted.length_ns, counted.users_at(s(9e3))) == ([Span(0, None)], None, 2.0)


def test_stages_of_users_up_hold_and_down() -> None:
    pacing = ClosedPacing(Closed(users=[Stage(over="10s", to=10), Stage(over="5s", to=10), Stage(over="10s", to=0)]))
    assert pacing.peak == 10
    assert pacing.spans(0) == [Span(0, s(25))]
    assert pacing.spans(9) == [Span(s(9), s(16))]


def test_a_user_lives_twice_and_a_first_step_counts_from_zero() -> None:
    stages = [("0s", 4), ("2s", 4), ("0s", 1), ("2s", 1), ("0s", 2), ("2s", 2), ("0s", 9)]
    pacing = ClosedPacing(Closed(users=[Stage(over=over, to=to) for over, to in stages]))
    assert pacing.spans(0) == [Span(0, s(6))]
    assert pacing.spans(1) == [Span(0, s(2)), Span(s(4), s(6))]
    assert (pacing.peak, pacing.spans(8)) == (9, [])  # a last step has no length
    assert [pacing.users_at(s(t)) for t in (-1, 0, 2, 4, 6)] == [0, 4, 1, 2, 0]


@given(st.integers(0, s(10)), st.integers(0, s(10)), st.integers(1, s(10)), st.integers(0, s(12)))
def test_measure_is_where_the_phase_says_measure(warm: int, cool: int, length: int, t_ns: int) -> None:
    load = Closed.model_construct(users=1, duration=length, warm_up=warm, cool_down=cool, conversations=None)
    phases = Phases(load)
    inside = phases.measure.start_ns <= t_ns < (phases.measure.end_ns or 0)
    assert phases.measure.start_ns <= (phases.measure.end_ns or 0) <= length
    if t_ns < length:
        assert (phases.at(t_ns) == "measure") == inside
    assert phase_at(load, t_ns) == phases.at(t_ns)


def test_phases_of_a_timeline_and_of_one_without_an_end() -> None:
    load = Closed.model_validate({"users": 1, "duration": "10s", "warm-up": "2s", "cool-down": "3s"})
    times = (0, s(2) - 1, s(2), s(7) - 1, s(7), s(99))
    names = ["warm-up", "warm-up", "measure", "measure", "cool-down", "cool-down"]
    assert [Phases(load).at(t) for t in times] == names
    assert Phases(load).measure == Span(s(2), s(7))
    endless = Closed.model_validate({"conversations": 9, "warm-up": "2s", "cool-down": "3s"})
    assert Phases(endless).measure == Span(s(2), None)
    assert [Phases(endless).at(t) for t in (s(1), s(2), s(9e5))] == ["warm-up", "measure", "measure"]
    late = Closed(duration="10s")
    assert Phases(late).at(s(11)) == "measure"  # a late turn belongs to the last phase


def test_planned_conversations_of_a_closed_load() -> None:
    assert planned_conversations(Closed(conversations=7), 1) == 7
    assert planned_conversations(Closed(duration="1s"), 1) is None
