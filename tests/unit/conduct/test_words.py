"""Numbers keep their unit and never round something to nothing; text cannot drive a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conduct import words
from krawall.model.summary import Gap, Judged, Numbers


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (0.42, "0.42 ms"), (8.41, "8.4 ms"), (99.97, "100 ms"), (132, "132 ms"), (1204, "1,204 ms"),
     (9999, "9,999 ms"), (9999.9, "10.0 s"), (12_400, "12.4 s")],
)  # fmt: skip
def test_times_are_ms_under_ten_seconds_then_s(ms, text):
    assert words.time(ms) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0, "$0.00"), (0.0123, "$0.0123"), (0.000168, "$0.000168"), (0.00103, "$0.00103"), (0.5, "$0.5000"), (1234.5, "$1,234.50"),
     (1e-9, "<$0.000001")],
)  # fmt: skip
def test_money_shows_what_is_there(usd, text):
    assert words.money(usd) == text


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_a_share_of_something_is_never_zero(part, more):
    assert words.share(part, part + more) not in ("0 %", "0.00 %", "100 %")


def test_shares_and_lengths():
    assert (words.share(3, 0), words.share(0, 3), words.share(3, 3), words.share(48, 2502)) == (
        "0 %",
        "0 %",
        "100 %",
        "1.92 %",
    )
    assert [words.lasting(s) for s in (8.42, 37, 252, 300, 3720)] == [
        "8.4 s",
        "37 s",
        "4 min 12 s",
        "5 min",
        "1 h 2 min",
    ]


def numbers(count: int) -> Numbers:
    return Numbers(count, 1, 5, 5, 6, 7, 8, 9, 10, 11, "ms")


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "pppp"), (19, "pp.."), (20, "pp.p"), (99, "pp.p"), (100, "pppp"), (0, "....")]
)
def test_quantiles_need_their_samples(count, shown):
    """p95 needs 20, p99 needs 100; the mean and the median need one."""
    few = [words.quantile(numbers(count), name) == words.TOO_FEW for name in ("mean", "p50", "p99", "p95")]
    expected = {0: [True] * 4, 1: [False, False, True, True], 19: [False, False, True, True]}
    assert few == expected.get(count, [False, False, count < 100, False])


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [("p95(ttft) < 800ms", 912.0, "912 ms"), ("rate(errors) < 1%", 0.0192, "1.92 %"), ("rate(checks) > 0.9", 1.0, "100 %"),
     ("avg(cost_per_conversation) < 0.02", 0.00103, "$0.00103"), ("count(attempts) < 10k", 2502.0, "2,502"),
     ("value(turns_per_s) > 5/s", 41.3, "41.3 /s"), ("max(tokens.output) < 4000", 252.0, "252 tokens"),
     ("p50(repetition) < 0.7", 0.25, "0.25"), ("not a threshold", 3.5, "3.5")],
)  # fmt: skip
def test_a_threshold_shows_its_value_in_the_unit_of_its_metric(text, value, shown):
    assert words.seen(Judged(text, value, "fail")) == shown
    assert words.seen(Judged(text, None, "undecided")) == "no value"


@given(st.text())
def test_clean_text_holds_no_control(text):
    cleaned = words.clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert words.clean(cleaned) == cleaned


def test_reasons_name_the_failed_threshold_and_leave_out_the_undecided(summary):
    assert words.reasons(summary) == ["p95(ttft) is 508.8 ms, the limit is < 400 ms"]


def test_reasons_say_when_nothing_succeeded_and_when_it_ended_early(altered):
    mute = altered(thresholds=[], reason="no turn succeeded: 401 x 312")
    assert words.reasons(mute) == ["no turn succeeded: 401 x 312"]
    early = altered(thresholds=[], outcome="aborted", reason="the cost cap is used up", verdict="none")
    assert words.reasons(early) == ["Aborted: the cost cap is used up"]


def test_reasons_are_never_empty(altered):
    assert words.reasons(altered(thresholds=[])) == ["the scenario has no thresholds"]
    held = [Judged("p95(ttft) < 1s", 3.0, "pass", "")]
    assert words.reasons(altered(thresholds=held)) == ["the threshold held"]
    assert words.reasons(altered(thresholds=held * 3)) == ["all 3 thresholds held"]


def test_intended_latency_is_news_only_when_it_differs(summary):
    assert words.differs(summary.metrics)
    assert not words.differs({**summary.metrics, "latency_intended": summary.metrics["latency"]})
    assert not words.differs({})


def test_stretches_say_from_when_to_when():
    assert (
        words.gap(Gap(3, 1.25, 2.0, "its engine process died"))
        == "shard 3 from 1.2 s to 2.0 s: its engine process died"
    )
    assert words.stretch(12.0, None) == "from 12.0 s to the end"
