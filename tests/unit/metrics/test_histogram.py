"""Properties of the histogram, and two oracles: sorted samples and HdrHistogram."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import msgspec
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from krawall.metrics.histogram import Histogram, bucket_of, lower_edge, upper_edge

VALUES = st.one_of(st.integers(0, 300), st.integers(0, 10**7), st.integers(0, 2**50))
SAMPLES = st.lists(VALUES, max_size=200)
QUANTILES = st.integers(0, 1000).map(lambda thousandths: Fraction(thousandths, 1000))


def histogram_of(values: list[int]) -> Histogram:
    made = Histogram()
    for value in values:
        made.record(value)
    return made


def nearest_rank(values: list[int], q: Fraction) -> int:
    return sorted(values)[max(1, ceil(q * len(values))) - 1]


@given(st.integers(0, 2**62))
def test_a_bucket_holds_its_values_and_is_at_most_a_64th_wide(value: int) -> None:
    index = bucket_of(value)
    low, high = lower_edge(index), upper_edge(index)
    assert low <= value <= high
    assert (high - low + 1) * 64 <= max(low, 64)
    assert bucket_of(low) == bucket_of(high) == index


@given(st.integers(0, 4000))
def test_buckets_follow_each_other_without_a_gap(index: int) -> None:
    assert bucket_of(lower_edge(index)) == index
    assert upper_edge(index) + 1 == lower_edge(index + 1)


@given(SAMPLES.filter(bool), QUANTILES)
def test_quantiles_are_within_one_percent_of_the_sorted_samples(values: list[int], q: Fraction) -> None:
    truth = nearest_rank(values, q)
    assert abs(histogram_of(values).quantile(float(q)) - truth) <= 0.01 * truth


@given(st.lists(st.integers(0, 127), min_size=1), QUANTILES)
def test_small_values_are_exact(values: list[int], q: Fraction) -> None:
    assert histogram_of(values).quantile(float(q)) == nearest_rank(values, q)


@given(
    st.lists(st.integers(1, 10**8), min_size=1, max_size=300), st.sampled_from([50.0, 75.0, 90.0, 95.0, 99.0, 100.0])
)
def test_quantiles_agree_with_hdrhistogram(values: list[int], percentile: float) -> None:
    oracle = HdrHistogram(1, 10**9, 3)
    for value in values:
        oracle.record_value(value)
    # Its rank is rounded to the nearest, ours up: the two may be one sample apart.
    rank = max(1, int(percentile / 100 * len(values) + 0.5))
    theirs = oracle.get_value_at_percentile(percentile)
    assert theirs == pytest.approx(sorted(values)[rank - 1], rel=0.002, abs=1)
    assert histogram_of(values).quantile(rank / len(values)) == pytest.approx(theirs, rel=0.012, abs=1)


@given(SAMPLES.filter(bool))
def test_count_sum_mean_min_and_max_are_exact(values: list[int]) -> None:
    made = histogram_of(values)
    assert (made.count, made.total, made.min, made.max) == (len(values), sum(values), min(values), max(values))
    assert made.mean == sum(values) / len(values)


@given(SAMPLES)
def test_many_are_recorded_as_one_by_one(values: list[int]) -> None:
    made = Histogram()
    made.record_many(values)
    assert made == histogram_of(values)


@given(SAMPLES, SAMPLES, SAMPLES)
def test_merging_is_associative_and_commutative(a: list[int], b: list[int], c: list[int]) -> None:
    left, right, reverse = histogram_of(a), histogram_of(b), histogram_of(c)
    left.merge(histogram_of(b))
    left.merge(histogram_of(c))
    right.merge(histogram_of(c))
    first = histogram_of(a)
    first.merge(right)
    reverse.merge(histogram_of(b))
    reverse.merge(histogram_of(a))
    assert left == first == reverse == histogram_of(a + b + c)


@given(SAMPLES, SAMPLES)
def test_what_was_merged_can_be_subtracted(a: list[int], b: list[int]) -> None:
    both = histogram_of(a)
    both.merge(histogram_of(b))
    rest = both.minus(histogram_of(b))
    alone = histogram_of(a)
    assert (rest.buckets, rest.count, rest.total) == (alone.buckets, alone.count, alone.total)
    assert rest.min <= alone.min
    assert rest.max >= alone.max
    assert rest.min >= alone.min * 63 // 64
    assert rest.max <= alone.max * 65 // 64 + 1
    assert both == histogram_of(a + b), "subtracting changes nothing"


def test_what_is_not_a_part_cannot_be_subtracted() -> None:
    with pytest.raises(ValueError, match="not a part"):
        histogram_of([1]).minus(histogram_of([1, 1]))


@given(SAMPLES)
def test_pairs_survive_json_and_msgpack(values: list[int]) -> None:
    made = histogram_of(values)
    pairs = made.to_pairs()
    for codec in (msgspec.json, msgspec.msgpack):
        assert Histogram.from_pairs(codec.decode(codec.encode(pairs))) == made


def test_pairs_have_the_documented_layout() -> None:
    assert histogram_of([]).to_pairs() == []
    assert histogram_of([5, 5, 200]).to_pairs() == [[5, 200], [0, 210], [5, 2], [164, 1]]
    assert histogram_of([2**40] * 3).to_pairs()[1] == [768, 0]


@pytest.mark.parametrize("pairs", [[[1, 2]], [[1, 2], [0, 3]], [[1, 2], [0, 3], [1]]])
def test_other_pairs_are_refused(pairs: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.from_pairs(pairs)


def test_a_negative_value_counts_as_zero_and_a_huge_one_as_the_largest() -> None:
    one, many = Histogram(), Histogram()
    for value in (-5, 3, -1, 10**30):
        one.record(value)
    many.record_many([-5, 3, -1, 10**30])
    assert one == many
    assert (one.min, one.max, one.buckets[0]) == (0, 2**62, 2)
    assert Histogram.from_pairs(msgspec.msgpack.decode(msgspec.msgpack.encode(one.to_pairs()))) == one


def test_a_copy_is_independent() -> None:
    made = histogram_of([1, 2])
    twin = made.copy()
    twin.record(3)
    assert made == histogram_of([1, 2])
    assert made != twin


def test_an_empty_histogram_answers_zero() -> None:
    empty = Histogram()
    assert (empty.quantile(0.5), empty.mean, empty.min, empty.max) == (0, 0, 0, 0)


@pytest.mark.parametrize("qs", [[1.5], [-0.1], [0.9, 0.5]])
def test_quantiles_must_ascend_within_0_and_1(qs: list[float]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        histogram_of([1]).quantiles(qs)
