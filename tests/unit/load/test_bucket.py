"""No window of any length has more slots than its rate and burst allow, whether callers wait or are turned away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.load.bucket import TokenBucket
from krawall.model.base import NS_PER_S

rates = st.one_of(st.floats(0.01, 1e6), st.sampled_from([3.0, 1000.0, 1e10]))
gaps = st.lists(st.one_of(st.just(0), st.integers(0, 3 * NS_PER_S)), max_size=40)


def assert_within(slots: list[int], rate: float, burst: int) -> None:
    for first in range(len(slots)):
        for last in range(first, len(slots)):
            length_s = (slots[last] - slots[first]) / NS_PER_S
            assert last - first + 1 <= rate * length_s + burst + 1e-6


@given(rates, st.integers(1, 20), gaps, st.integers(0, NS_PER_S))
def test_slots_that_are_waited_for_keep_rate_and_order(rate: float, burst: int, steps: list[int], begin: int) -> None:
    bucket, now, slots = TokenBucket(rate, burst, begin), begin, []
    for step in steps:
        now += step
        wait = bucket.take(now)
        assert wait >= 0
        slots.append(now + wait)
    assert slots == sorted(slots)
    assert_within(slots, rate, burst)


@given(rates, st.integers(1, 20), gaps, st.data())
def test_slots_taken_both_ways_keep_the_rate(rate: float, burst: int, steps: list[int], data: st.DataObject) -> None:
    bucket, now, slots = TokenBucket(rate, burst), 0, []
    for step in steps:
        now += step
        if data.draw(st.booleans()):
            slots.append(now + bucket.take(now))
        elif bucket.try_take(now):
            slots.append(now)
    assert_within(sorted(slots), rate, burst)


@given(rates, st.integers(1, 20), gaps)
def test_trying_says_yes_exactly_when_taking_would_not_wait(rate: float, burst: int, steps: list[int]) -> None:
    tried, taken, now = TokenBucket(rate, burst), TokenBucket(rate, burst), 0
    for step in steps:
        now += step
        if not tried.try_take(now):
            assert taken.take(now) > 0
            return
        assert taken.take(now) == 0


def test_a_full_bucket_lets_its_burst_go_at_once_and_then_paces() -> None:
    bucket = TokenBucket(2.0, 3)
    assert [bucket.take(0) for _ in range(5)] == [0, 0, 0, NS_PER_S // 2, NS_PER_S]
    assert not bucket.try_take(NS_PER_S)
    assert bucket.try_take(3 * NS_PER_S // 2)


def test_a_bucket_does_not_save_more_than_its_burst() -> None:
    bucket = TokenBucket(1.0, 2)
    assert [bucket.try_take(1000 * NS_PER_S) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_bucket_that_would_never_give_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="a rate above 0 and a burst of at least 1"):
        TokenBucket(rate, burst)
