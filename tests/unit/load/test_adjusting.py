"""Changes of the load: what the shards play adds up to the whole, and no conversation number occurs twice."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from krawall.load.adjusting import STRIDE, Lanes, arrivals, arrived, next_base
from krawall.load.pacing import OpenPacing, Span
from krawall.load.striping import users_of
from krawall.model.base import NS_PER_S
from krawall.model.load import Closed, Open
from krawall.model.progress import Adjusted

SHARDS = st.sampled_from([1, 3, 7])
moments = st.integers(0, 12 * NS_PER_S)
rates = st.one_of(st.integers(1, 40).map(float), st.floats(0.1, 40))
untils = st.one_of(st.none(), st.integers(0, 50))
kinds = st.sampled_from(["constant", "poisson"])


def load(kind: str, rate: float = 5.0, conversations: int | None = None, duration: str | None = "10s") -> Open:
    return Open.model_validate({"rate": rate, "arrivals": kind, "duration": duration, "conversations": conversations})


@given(kinds, rates, moments, untils, SHARDS, st.integers(0, 2**32))
def test_arrivals_of_a_change_over_all_shards_are_the_whole(
    kind: str, rate: float, at_ns: int, until: int | None, count: int, seed: int
) -> None:
    adjusted = Adjusted(2, 2 * STRIDE, at_ns, rate=rate, until=until)
    whole = list(arrivals(load(kind), adjusted, seed))
    parts = [list(arrivals(load(kind), adjusted, seed, index, count)) for index in range(count)]
    assert sorted(arrival for part in parts for arrival in part) == whole
    assert [number for number, _ in whole] == list(range(2 * STRIDE, 2 * STRIDE + len(whole)))
    assert all(at_ns <= moment < 10 * NS_PER_S for _, moment in whole)
    assert until is None or len(whole) <= until
    if kind == "constant" and at_ns < 10 * NS_PER_S:
        expected = rate * (10 * NS_PER_S - at_ns) / NS_PER_S
        assert abs(len(whole) - min(expected, expected if until is None else until)) <= 1


@given(kinds, st.one_of(st.none(), st.integers(0, 60)), st.booleans(), moments, st.integers(0, 2**32))
def test_what_has_arrived_is_what_came_before(
    kind: str, conversations: int | None, endless: bool, before_ns: int, seed: int
) -> None:
    duration = None if endless and conversations else "10s"
    plan = load(kind, 5.0, conversations or None, duration)
    told = sum(1 for _, at_ns in islice(OpenPacing(plan, seed).arrivals(), 500) if at_ns < before_ns)
    assert arrived(plan, None, seed, before_ns) == told
    adjusted = Adjusted(1, STRIDE, 2 * NS_PER_S, rate=7.0, until=conversations)
    told = sum(1 for _, at_ns in islice(arrivals(plan, adjusted, seed), 500) if at_ns < before_ns)
    assert arrived(plan, adjusted, seed, before_ns) == told


def test_arrivals_without_any_end_are_counted_as_well() -> None:
    plan = load("constant", 10.0, 100_000, None)
    adjusted = Adjusted(1, STRIDE, 0, rate=10.0)
    assert arrived(plan, adjusted, 1, 3 * NS_PER_S) == 30


@given(st.integers(1, 12), st.integers(1, 12), SHARDS, st.integers(1, 60))
def test_promised_conversations_are_played_by_somebody_each_once(
    planned: int, users: int, count: int, until: int
) -> None:
    lanes = Lanes(Closed.model_validate({"users": planned, "conversations": 100}))
    adjusted = Adjusted(1, STRIDE, 5, users=users, until=until)
    assert lanes.users(adjusted) == users
    found = []
    for index in range(count):
        for user in users_of(index, count, lanes.users(adjusted)):
            lane = lanes.of(user, adjusted)
            assert lane is not None
            assert lane.end is not None
            assert lane.spans == [Span(5, None)]
            found += range(lane.first, lane.end, lane.step)
    assert sorted(found) == list(range(STRIDE, STRIDE + until))
    assert lanes.of(users, adjusted) is None


def test_a_lane_ends_with_the_timeline() -> None:
    lanes = Lanes(Closed.model_validate({"users": 2, "duration": "3s"}))
    lane = lanes.of(0, Adjusted(1, STRIDE, NS_PER_S, users=1))
    assert lane is not None
    assert lane.spans == [Span(NS_PER_S, 3 * NS_PER_S)]
    late = lanes.of(0, Adjusted(1, STRIDE, 3 * NS_PER_S, users=1))
    assert late is not None
    assert late.spans == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 4 * STRIDE)), max_size=8))
def test_the_numbers_of_an_epoch_are_above_all_that_were_begun(changes: list[tuple[int, int]]) -> None:
    epoch = base = 0
    for skipped, highest in changes:
        epoch += 1 + skipped
        new = next_base(epoch, base, highest)
        assert new % STRIDE == 0
        assert new >= base + STRIDE
        assert new > highest + STRIDE // 4
        base = new


def test_bases_are_the_epoch_times_the_stride_as_long_as_nobody_runs_ahead() -> None:
    assert [next_base(epoch, (epoch - 1) * STRIDE, (epoch - 1) * STRIDE + 4_000_000) for epoch in (1, 2, 3)] == [
        STRIDE, 2 * STRIDE, 3 * STRIDE
    ]  # fmt: skip
