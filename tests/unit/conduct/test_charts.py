"""Charts are SVG that says what it shows; scales hold their numbers; nothing is lost when seconds become slots."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conduct import axes, charts, plot
from krawall.conduct.markup import Html
from krawall.model.summary import Point

amounts = st.floats(0.001, 1e9)


def a_point(at_s: float, **changes: object) -> Point:
    known = {"users": 1, "turns": 30, "errors": 0, "latency_p50": 100.0, "latency_p95": 200.0, "latency_p99": 300.0}
    return Point(at_s, **{**known, "ttft_p50": 50.0, "ttft_p95": 90.0, "tokens_out": 10, "cost_usd": 0.1, **changes})


def parsed(chart: Html) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def all_charts(points, buckets):
    marks = {"p50": 700.0, "p95": 1800.0, "p99": 3000.0}
    over_time = [draw(points) for draw in (charts.latency, charts.ttft, charts.throughput, charts.errors, charts.cost)]
    return [*over_time, charts.spread(buckets, marks)]


@given(amounts, st.sampled_from([axes.times, axes.counts, axes.dollars]))
def test_an_axis_begins_at_zero_and_holds_its_numbers(top, make):
    axis = make(top)
    assert axis.ticks[0] == axes.Tick(0.0, "0")
    assert axis.ticks[-1].at == 1.0
    assert axis.end >= top * 0.999
    assert 2 <= len(axis.ticks) <= 7
    assert len({tick.label for tick in axis.ticks}) == len(axis.ticks)


@given(st.floats(0, 1e5), st.floats(0.5, 1e6))
def test_times_along_the_axis_stay_inside_and_are_not_crowded(start, length):
    ticks = axes.seconds(start, start + length)
    assert len(ticks) <= 10
    assert all(-1e-6 <= tick.at <= 1 + 1e-6 for tick in ticks)


@given(st.floats(0.01, 1e5), st.floats(5, 1e6))
def test_a_log_axis_has_marks_inside_itself(low, factor):
    ticks = axes.decades(low, low * factor)
    assert ticks
    assert all(0 <= tick.at <= 1 for tick in ticks)


def test_axis_labels_carry_units_and_change_to_seconds_at_ten():
    assert [t.label for t in axes.times(9000).ticks] == ["0", "2,500 ms", "5,000 ms", "7,500 ms", "10,000 ms"]
    assert [t.label for t in axes.times(18_000).ticks] == ["0", "5 s", "10 s", "15 s", "20 s"]
    assert [t.label for t in axes.dollars(0.4).ticks] == ["0", "$0.10", "$0.20", "$0.30", "$0.40"]
    assert [t.label for t in axes.counts(3).ticks] == ["0", "1", "2", "3"]


seconds = st.lists(st.tuples(st.floats(0.05, 6.0), st.integers(0, 90), st.floats(1, 9e4)), min_size=1, max_size=400)


@given(seconds, st.integers(1, 300))
def test_slots_keep_every_count_and_the_worst_percentile(steps, most):
    at, points = 0.0, []
    for step, turns, p95 in steps:
        at += step
        kinds = {"timeout": turns // 3} if turns > 2 else {}
        points.append(
            a_point(at, turns=turns, errors=turns // 3, latency_p95=p95, kinds=kinds, tokens_in=turns, cached=1)
        )
    cut = plot.slots(points, most)
    assert len(cut) <= most + 1
    assert sum(slot.point.turns for slot in cut) == sum(p.turns for p in points)
    assert sum(slot.point.errors for slot in cut) == sum(p.errors for p in points)
    assert sum(slot.point.kinds.get("timeout", 0) for slot in cut) == sum(p.errors for p in points)
    assert sum(slot.point.tokens_in + slot.point.cached for slot in cut) == sum(p.turns + 1 for p in points)
    assert math.isclose(sum(slot.point.cost_usd for slot in cut), 0.1 * len(points))
    assert max(slot.point.latency_p95 or 0 for slot in cut) == max(p.latency_p95 or 0 for p in points)
    for before, after in pairwise(cut):
        assert math.isclose(before.start_s + before.width_s, after.start_s, abs_tol=1e-6)


def test_a_piece_of_a_second_at_the_end_joins_the_slot_before_it():
    cut = plot.slots([a_point(1.0), a_point(2.0), a_point(2.02, turns=4)])
    assert [(slot.start_s, round(slot.width_s, 2), slot.point.turns) for slot in cut] == [
        (0.0, 1.0, 30),
        (1.0, 1.02, 34),
    ]


buckets_of = st.lists(
    st.tuples(st.floats(0.01, 1e5), st.floats(1.001, 1.5), st.integers(1, 500)), min_size=1, max_size=60
)


@given(buckets_of)
def test_bins_of_the_histogram_keep_the_count(found):
    buckets = [(low, low * factor, n) for low, factor, n in found]
    bins = charts.rebin(buckets)
    assert math.isclose(sum(n for _, _, n in bins), sum(n for _, _, n in buckets), rel_tol=1e-6)
    assert bins[0][0] < min(low for low, _, _ in buckets)
    assert bins[-1][1] > max(high for _, high, _ in buckets) * 0.999


def test_every_chart_is_an_image_with_a_title_and_words(points, buckets):
    for chart in all_charts(points, buckets):
        figure = parsed(chart)
        image = figure.find(".//svg")
        assert image is not None
        assert image.get("role") == "img"
        named = {element.get("id"): "".join(element.itertext()) for element in image if element.get("id")}
        assert len(named[image.get("aria-labelledby")]) > 5
        assert len(named[image.get("aria-describedby")]) > 10
        assert figure.findtext(".//h3") == named[image.get("aria-labelledby")]


def test_charts_use_the_colours_of_the_design_and_no_others(points, buckets):
    for chart in all_charts(points, buckets):
        assert not re.search(r"#[0-9a-f]{3,6}\b|rgb\(|(?:fill|stroke)=", chart)


def test_a_hole_in_the_data_breaks_the_line():
    values = [100.0, 110.0, None, 120.0, 130.0]
    chart = charts.latency([a_point(i + 1.0, latency_p95=v) for i, v in enumerate(values)])
    line = parsed(chart).find(".//path[@class='ln s-p95']")
    assert line is not None
    assert line.get("d", "").count("M") == 2


def test_one_second_alone_is_still_seen():
    line = parsed(charts.latency([a_point(1.0)])).find(".//path[@class='ln s-p50']")
    assert line is not None
    assert line.get("d", "").endswith("h0")


def test_a_percentile_without_samples_says_so():
    chart = charts.latency([a_point(i + 1.0, latency_p99=None) for i in range(5)])
    assert "p99 too few" in "".join(parsed(chart).itertext())


def test_no_percentile_at_all_is_a_chart_too():
    bare = a_point(1.0, latency_p50=None, latency_p95=None, latency_p99=None)
    assert "Too few turns for percentiles" in charts.latency([bare])


def test_a_session_without_errors_says_so_in_the_chart():
    assert "No errors" in charts.errors([a_point(1.0)])
    assert "No errors" not in charts.errors([a_point(1.0, errors=2)])


def test_cost_adds_up_and_shows_a_cap_only_when_it_is_near():
    points = [a_point(i + 1.0) for i in range(10)]
    near, far = charts.cost(points, 2.0), charts.cost(points, 90.0)
    assert "$1.00 spent in all, 50.0 % of the cap of $2.00" in near
    assert 'class="ln s-2 dotted"' in near
    assert 'class="ln s-2 dotted"' not in far
    assert "cap $90.00, far above" in far


def test_a_long_session_is_drawn_in_slots_and_says_which():
    chart = charts.latency([a_point(i + 1.0) for i in range(1500)])
    assert "by 5 s, the worst second of each" in chart
    assert len(parsed(chart).findall(".//rect")) <= plot.MOST


@pytest.mark.parametrize("ms", [0.02, 5.0, 700.0, 59_000.0])
def test_the_spread_of_one_value_still_has_an_axis(ms):
    chart = parsed(charts.spread([(ms, ms * 1.01, 7)], {"p50": ms}))
    labels = [text.text or "" for text in chart.iter("text")]
    assert any(label.endswith(("ms", " s")) for label in labels)
    assert "p50" in labels
