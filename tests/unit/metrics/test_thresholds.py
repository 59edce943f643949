"""Rules: what parses, what is refused and how helpfully; judging: pass, fail, undecided."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.metrics.catalog import METRICS, Kind
from krawall.metrics.rule import FUNCTIONS
from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import Rule, abort_now, class_of, judge, parse, worse
from krawall.model.exchange import Check, Checked, Dropped, Exchange, Fault, FaultKind, Told, Usage
from krawall.model.summary import Judged

S = 1_000_000_000
MS = 1_000_000


def replies(latencies_ms: list[int], *, phase: str = "measure", step: str = "steps.0", turn: int = 1) -> Tally:
    made = Tally()
    for number, latency in enumerate(latencies_ms):
        sent = number * 100 * MS + 1
        made.add(
            Exchange(
                *(number, 1, turn, 1, phase, step, sent, sent, sent, sent + latency * MS),
                status=200,
                usage=Usage(10, 20, cost_pico=1_500_000_000),
            )
        )
    return made


def with_failures(ok: int, failed: int, kind: FaultKind = FaultKind.timeout) -> Tally:
    made = replies([100] * ok)
    for number in range(failed):
        made.add(Exchange(number, 1, 1, 1, "measure", "steps.0", 1, 1, 1, 2, fault=Fault(kind, "")))
    return made


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("p95(ttft) < 800ms", Rule("p95(ttft) < 800ms", "p95", "ttft", "<", 800, 20, 0.95)),
        ("p99.9(latency) <= 2s", Rule("p99.9(latency) <= 2s", "p99.9", "latency", "<=", 2000, 1000, 99.9 / 100)),
        ("med(itl)<40ms", Rule("med(itl)<40ms", "med", "itl", "<", 40, 1, 0.5)),
        ("rate(errors) < 1%", Rule("rate(errors) < 1%", "rate", "errors", "<", 0.01, 1)),
        ("rate(errors.timeout) < 0.5%", Rule("rate(errors.timeout) < 0.5%", "rate", "errors.timeout", "<", 0.005, 1)),
        (
            "avg(cost_per_conversation) < 0.02 USD",
            Rule("avg(cost_per_conversation) < 0.02 USD", "avg", "cost_per_conversation", "<", 0.02, 1),
        ),
        (
            "avg(cost_per_conversation) < 0.02",
            Rule("avg(cost_per_conversation) < 0.02", "avg", "cost_per_conversation", "<", 0.02, 1),
        ),
        (
            "sum(tokens.output) < 500k tokens",
            Rule("sum(tokens.output) < 500k tokens", "sum", "tokens.output", "<", 5e5, 1),
        ),
        ("count(turns) >= 10k", Rule("count(turns) >= 10k", "count", "turns", ">=", 10_000, 1)),
        ("count(errors) == 0", Rule("count(errors) == 0", "count", "errors", "==", 0, 1)),
        ("value(turns_per_s) > 300/m", Rule("value(turns_per_s) > 300/m", "value", "turns_per_s", ">", 5, 1)),
        ("p95(repetition) < 80%", Rule("p95(repetition) < 80%", "p95", "repetition", "<", 0.8, 20, 0.95)),
        (" max(latency) < 5s ", Rule("max(latency) < 5s", "max", "latency", "<", 5000, 1)),
    ],
)
def test_a_threshold_is_read(text: str, rule: Rule) -> None:
    assert parse(text) == rule


OPTIONS = st.permutations(["abort after 30s", "over 10s", "at least 50 samples", "step steps.2", "turn 3"])


@given(OPTIONS)
def test_options_come_in_any_order(options: list[str]) -> None:
    rule = parse(", ".join(["p95(ttft) < 800ms", *options]))
    assert (rule.abort, rule.after_ns, rule.over_ns, rule.samples) == (True, 30 * S, 10 * S, 50)
    assert (rule.step, rule.turn) == ("steps.2", 3)


def test_abort_without_a_delay_aborts_at_once() -> None:
    rule = parse("rate(checks) > 99%, abort")
    assert (rule.abort, rule.after_ns) == (True, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("p95(tfft) < 800ms", "unknown metric 'tfft'; did you mean 'ttft'"),
        ("rate(error) < 1%", "did you mean 'errors'"),
        ("rate(errors.timout) < 1%", "did you mean 'errors.timeout'"),
        ("avgg(ttft) < 1s", "unknown function 'avgg'; did you mean 'avg'"),
        ("quux(ttft) < 1s", "known: p50, p75"),
        ("p0(ttft) < 1s", "unknown function"),
        ("p95(errors) < 1%", r"write rate\(errors\)"),
        ("rate(ttft) < 1%", r"write p95\(ttft\)"),
        ("avg(turns_per_s) > 1", r"write value\(turns_per_s\)"),
        ("value(stalls) < 1", r"write count\(stalls\)"),
        ("p95(ttft) < 800", "in ms, s or m"),
        ("p95(ttft) < 1 USD", "in ms, s or m"),
        ("avg(cost) < 5ms", "in USD"),
        ("sum(tokens.output) < 5s", "in tokens"),
        ("avg(turns) < 5s", "in plain numbers"),
        ("value(turns_per_s) > 5 USD", "in events per second"),
        ("rate(errors) < 5", "at most 1, or 100%"),
        ("count(turns) > 5%", "not a count"),
        ("turns > 3", "is not a threshold; write it like"),
        ("p95(ttft) ~ 1s", "is not a threshold"),
        ("", "is not a threshold"),
        ("p95(ttft) < 1s, abrt after 3s", "did you mean 'abort after 30s'"),
        ("p95(ttft) < 1s,", "unknown option"),
        ("p95(ttft) < 1s, abort after soon", "'soon' is not a duration"),
        ("p95(ttft) < 1s, over 0s", "length above 0"),
        ("p95(ttft) < 1s, at least many samples", "not a count"),
        ("p95(ttft) < 1s, turn 0", "1 to 32, or 33"),
        ("p95(ttft) < 1s, turn 34", "1 to 32, or 33"),
        ("p95(ttft) < 1s, turn 2, turn 3", "given twice"),
        ("med(conversation_time) < 9s, step steps.1", "has no step and no turn"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_known_word(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse(text).text == text.strip()


def test_every_function_fits_a_metric_and_every_metric_a_function() -> None:
    limits = {"ms": "1s", "USD": "1 USD", "tokens": "5", "1": "1", "1/s": "5/s"}
    words = {Kind.share: "rate", Kind.counter: "count", Kind.pace: "value", Kind.distribution: "p95"}
    used = set()
    for metric in METRICS.values():
        rule = parse(f"{words[metric.kind]}({metric.name}) < {limits[metric.unit]}")
        assert class_of(rule) == metric.group
        used.add(rule.function)
    assert used <= set(FUNCTIONS)


@given(st.lists(st.integers(1, 5000), min_size=20, max_size=40), st.integers(1, 5000))
def test_pass_and_fail_follow_the_value_that_is_shown(latencies: list[int], limit: int) -> None:
    judged = judge(parse(f"p95(latency) < {limit}ms"), replies(latencies), S)
    assert judged.value is not None
    assert judged.outcome == ("pass" if judged.value < limit else "fail")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("max(latency) < 1s", 300),
        ("min(latency) < 1s", 100),
        ("avg(latency) < 1s", 200),
        ("sum(latency) < 1s", 600),
        ("count(latency) < 10", 3),
        ("count(turns) < 10", 3),
        ("count(attempts) < 10", 3),
        ("count(errors) < 10", 0),
        ("count(stalls) < 10", 0),
        ("sum(cost) < 1 USD", 0.0045),
        ("avg(cost) < 1 USD", 0.0015),
        ("sum(tokens.output) < 100", 60),
        ("sum(tokens.input) < 100", 30),
        ("avg(amplification) < 3", 2),
        ("rate(errors) < 1%", 0),
        ("value(turns_per_s) > 1", 6),
        ("value(output_tokens_per_s) > 1", 120),
    ],
)
def test_functions_see_their_value_in_the_metrics_unit(text: str, value: float) -> None:
    tally = replies([100, 200, 300])  # the last ends 500 ms after the first began
    judged = judge(parse(text), tally, S)
    assert (judged.value, judged.outcome) == (value, "pass")


def test_operators() -> None:
    tally = with_failures(3, 1)
    outcomes = {
        operator: judge(parse(f"rate(errors) {operator} 25%"), tally, S).outcome
        for operator in ("<", "<=", ">", ">=", "==")
    }
    assert outcomes == {"<": "fail", "<=": "pass", ">": "fail", ">=": "pass", "==": "pass"}


def test_too_few_samples_are_undecided_and_say_so() -> None:
    rule = parse("p95(latency) < 1ms")
    assert judge(rule, replies([100] * 19), S) == Judged(
        "p95(latency) < 1ms", 100, "undecided", "19 samples, at least 20 are needed"
    )
    assert judge(rule, replies([100] * 20), S).outcome == "fail"
    assert judge(parse("p95(latency) < 1ms, at least 5 samples"), replies([100] * 5), S).outcome == "fail"


@pytest.mark.parametrize(
    ("text", "samples"),
    [("p50(ttft)", 1), ("med(ttft)", 1), ("p75(ttft)", 4), ("p90(ttft)", 10), ("p95(ttft)", 20), ("p99(ttft)", 100)],
)
def test_a_quantile_needs_samples_beyond_it(text: str, samples: int) -> None:
    assert parse(f"{text} < 1s").samples == samples
    assert parse("p99.9(ttft) < 1s").samples == 1000
    assert parse("avg(ttft) < 1s").samples == 1


@pytest.mark.parametrize(
    "text", ["count(errors) == 0", "sum(cost) < 1 USD", "rate(errors) < 1%", "value(turns_per_s) < 5"]
)
def test_nothing_measured_is_undecided_without_a_value(text: str) -> None:
    judged = judge(parse(text), replies([100] * 30, phase="warm-up"), S)
    assert (judged.value, judged.outcome) == (None, "undecided")


def test_only_the_measure_phase_is_judged() -> None:
    tally = replies([100] * 20)
    tally.merge(replies([9000] * 20, phase="warm-up"))
    tally.merge(replies([9000] * 20, phase="cool-down"))
    assert judge(parse("max(latency) < 1s"), tally, S).outcome == "pass"


def test_a_rule_may_read_one_step_or_one_turn() -> None:
    tally = replies([100])
    tally.merge(replies([900], step="steps.2.then.0", turn=2))
    assert judge(parse("max(latency) < 1s, step steps.2"), tally, S).value == 900
    assert judge(parse("max(latency) < 1s, turn 1"), tally, S).value == 100
    assert judge(parse("count(turns) < 9, turn 2"), tally, S).value == 1
    assert judge(parse("rate(errors) < 1%, step steps.1"), tally, S).outcome == "undecided"


def test_errors_are_turns_that_failed_for_good() -> None:
    tally = with_failures(8, 2)
    tally.add(
        Exchange(1, 1, 1, 1, "measure", "steps.0", 1, 1, 1, 2, fault=Fault(FaultKind.rate_limited, ""), final=False)
    )
    assert judge(parse("rate(errors) < 1%"), tally, S).value == 0.2
    assert judge(parse("rate(errors.timeout) < 1%"), tally, S).value == 0.2
    assert judge(parse("count(errors.timeout) < 1"), tally, S).value == 2
    assert judge(parse("rate(errors.rate_limited) < 1%"), tally, S).value == 0


def test_shares_of_checks_dropped_arrivals_and_good_conversations() -> None:
    tally = replies([100])
    tally.add(
        Checked(1, 1, "measure", "steps.1", [Check("a", True), Check("a", True), Check("b", True), Check("b", False)])
    )
    for outcome in ("completed", "completed", "failed", "abandoned"):
        tally.add(Told(1, 1, "measure", 0, 0, S, outcome))
    tally.add(Dropped(9, "measure", 0))
    assert judge(parse("rate(checks) > 99%"), tally, S).value == 0.75
    assert judge(parse("rate(dropped) < 1%"), tally, S).value == 0.2
    assert judge(parse("count(dropped) < 1"), tally, S).value == 1
    assert judge(parse("rate(goodput) > 99%"), tally, S).value == pytest.approx(2 / 3, rel=1e-5)
    assert judge(parse("count(conversations) > 1"), tally, S).value == 3
    assert judge(parse("value(goodput_per_s) > 1"), tally, S).value == 2
    assert judge(parse("value(conversations_per_s) > 1"), tally, S).value == 2


def test_why_names_the_value_and_the_limit_in_their_unit() -> None:
    assert judge(parse("max(latency) < 1s"), replies([100]), S).why == "max(latency) is 100 ms, the limit is < 1000 ms"
    assert judge(parse("rate(errors) < 1%"), with_failures(3, 1), S).why == "rate(errors) is 25 %, the limit is < 1 %"
    assert judge(parse("count(turns) > 5"), replies([100]), S).why == "count(turns) is 1, the limit is > 5"


def test_abort_waits_for_its_delay_and_needs_a_failure() -> None:
    rule = parse("rate(errors) < 1%, abort after 30s")
    bad, good = with_failures(1, 1), with_failures(1, 0)
    assert abort_now(rule, bad, None, 29 * S) is None
    assert abort_now(rule, good, None, 31 * S) is None
    assert abort_now(rule, Tally(), None, 31 * S) is None
    said = abort_now(rule, bad, None, 30 * S)
    assert said == "threshold 'rate(errors) < 1%, abort after 30s': rate(errors) is 50 %, the limit is < 1 %"
    assert abort_now(parse("rate(errors) < 1%"), bad, None, 31 * S) is None


def test_abort_with_a_window_judges_the_window() -> None:
    rule = parse("rate(errors) < 1%, abort, over 10s")
    bad, good = with_failures(1, 1), with_failures(1, 0)
    assert abort_now(rule, bad, None, 5 * S) is None
    assert abort_now(rule, bad, good, 60 * S) is None
    assert abort_now(rule, good, bad, 60 * S) is not None


def test_a_rule_with_a_window_is_undecided_before_one_has_passed() -> None:
    rule = parse("max(latency) < 1s, over 10s")
    assert judge(rule, replies([100]), 9 * S).outcome == "undecided"
    assert judge(rule, replies([100]), 10 * S).outcome == "pass"
    paced = parse("value(turns_per_s) > 1, over 10s")
    assert judge(paced, replies([100] * 50), 10 * S).value == 5


JUDGED = st.builds(
    Judged, st.just("x"), st.integers(0, 9).map(float), st.sampled_from(["pass", "fail", "undecided"]), st.just("")
)


@given(st.sampled_from(["<", "<=", ">", ">=", "=="]), JUDGED, JUDGED)
def test_the_worse_of_two_windows_fails_if_either_does(operator: str, one: Judged, other: Judged) -> None:
    rule = parse(f"max(turns) {operator} 5")
    found = worse(rule, one, other)
    outcomes = {one.outcome, other.outcome}
    expected = next(outcome for outcome in ("fail", "pass", "undecided") if outcome in outcomes)
    assert found.outcome == expected
    if one.outcome == other.outcome != "undecided" and operator != "==":
        assert found.value == (max if operator.startswith("<") else min)(one.value or 0, other.value or 0)
