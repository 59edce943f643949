"""The summary: which phase each number is of, stable rounding, parts in order, points of charts."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from krawall.metrics.histogram import Histogram
from krawall.metrics.summary import Facts, numbers, point, summarise
from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import parse
from krawall.model.exchange import Check, Checked, Dropped, Exchange, Fault, FaultKind, Line, Told, Usage
from krawall.model.summary import Conversations, Generator, Judged, Pause, Rates, Summary, Tokens

S = 1_000_000_000
MS = 1_000_000


def facts(**changes: Any) -> Facts:
    return Facts(**({"session": "ses_1", "plan_hash": "abc", "seed": 7, "outcome": "completed"} | changes))


def reply(second: float, latency_ms: int = 100, **changes: Any) -> Exchange:
    sent = round(second * S) + 1
    plain: dict[str, Any] = {
        "conversation": 1,
        "user": 1,
        "turn": 1,
        "attempt": 1,
        "phase": "measure",
        "step": "steps.0",
        "planned_ns": sent,
        "start_ns": sent,
        "sent_ns": sent,
        "done_ns": sent + latency_ms * MS,
        "status": 200,
        "usage": Usage(10, 20, cached=4, reasoning=1, cost_pico=2_000_000_000),
    }
    return Exchange(**(plain | changes))


def session() -> list[Line]:
    """Two seconds of warm-up, then ten replies of a slower measure phase, one of them failed after a retry."""
    lines: list[Line] = [reply(0, 50, phase="warm-up"), reply(1, 50, phase="warm-up")]
    lines += [reply(2 + n, 100 + n, step=f"steps.{n}", turn=n + 1) for n in range(11)]
    lines += [reply(13, status=503, fault=Fault(FaultKind.server, "", 503), final=False, usage=None)]
    lines += [reply(14, status=503, fault=Fault(FaultKind.server, "", 503), attempt=2, usage=None, turn=40)]
    lines += [reply(15, 900, injected="delay")]
    lines += [Checked(1, 1, "measure", "steps.1", [Check("contains", True), Check("contains", False)])]
    for outcome in ("completed", "completed", "failed", "ended", "capped", "abandoned"):
        lines.append(Told(1, 1, "measure", 2 * S, 2 * S, 22 * S + 1, outcome, turns=4, cost_pico=5_000_000_000))
    lines += [Dropped(9, "measure", 3 * S)]
    return lines


def summary(lines: list[Line], *texts: str, **changes: Any) -> Summary:
    made = Tally()
    for line in lines:
        made.add(line)
    return summarise(made, facts(**changes), generator=Generator(), rules=[parse(text) for text in texts])


def test_counts_are_of_the_whole_session_and_metrics_of_the_measure_phase() -> None:
    found = summary(session(), planned=8)
    assert (found.turns, found.attempts, found.errors) == (15, 16, {"server": 2})
    assert found.conversations == Conversations(8, 6, 2, 1, 1, 1, 1, 1)
    assert found.tokens == Tokens(140, 280, 56, 14, 0)
    assert found.cost_usd == 0.028
    assert (found.statuses, found.injected, found.checks) == ({"200": 14, "503": 2}, {"delay": 1}, {"contains": [1, 1]})
    latency = found.metrics["latency"]
    assert (latency.count, latency.min, latency.max, latency.mean, latency.unit) == (11, 100, 110, 105, "ms")
    assert found.metrics["cost"].mean == 0.002
    assert found.metrics["turns"].count == 4
    assert found.duration_s == 22


def test_rates_are_over_the_span_of_the_measure_phase() -> None:
    found = summary(session())
    # 12 answered turns, 240 tokens, 3 conversations and 2 good ones from 2 s to 22 s
    assert found.rates == Rates(0.6, 12, 0.15, 0.1)
    assert summary([]).rates == Rates()


def test_pauses_are_no_time_in_which_anything_could_have_happened() -> None:
    whole = summary(session(), "value(turns_per_s) > 1")
    pauses = [Pause(0, 1.0), Pause(4.0, 13.0), Pause(21.0, 99.0)]  # nine, and one, of the twenty seconds of the phase
    made = Tally()
    for line in session():
        made.add(line)
    rules = [parse("value(turns_per_s) > 1")]
    found = summarise(made, facts(pauses=pauses), generator=Generator(), rules=rules)
    assert found.rates == Rates(1.2, 24, 0.3, 0.2)
    assert (whole.thresholds[0].value, found.thresholds[0].value) == (0.6, 1.2)
    assert found.pauses == pauses


def test_parts_are_phases_steps_and_turns_in_order() -> None:
    found = summary(session())
    assert [part.name for part in found.phases] == ["warm-up", "measure"]
    assert [part.name for part in found.steps] == [f"steps.{n}" for n in range(11)]
    assert [part.name for part in found.turn_parts] == [str(n) for n in range(1, 12)] + ["33+"]
    assert found.turn_parts[-1].errors == {"server": 1}
    assert found.phases[0].metrics["latency"].max == 50
    assert "turns" in found.phases[1].metrics
    assert sum(part.turns for part in found.steps) == found.phases[1].turns == 13


def test_the_same_lines_in_any_order_and_any_split_give_the_same_summary_to_the_last_digit() -> None:
    lines = session()
    expected = msgspec.json.encode(summary(lines, "p50(latency) < 1s", "rate(errors) < 1%"))
    for seed in range(5):
        shuffled = random.Random(seed).sample(lines, len(lines))
        parts = [Tally(), Tally(), Tally()]
        for index, line in enumerate(shuffled):
            parts[index % 3].add(line)
        whole = Tally()
        for part in parts:
            whole.merge(Tally.decode(part.encode()))
        rules = [parse("p50(latency) < 1s"), parse("rate(errors) < 1%")]
        assert msgspec.json.encode(summarise(whole, facts(), generator=Generator(), rules=rules)) == expected


def test_thresholds_decide_verdict_and_exit_code() -> None:
    lines = session()
    assert (summary(lines).verdict, summary(lines).exit_code) == ("none", 0)
    passed = summary(lines, "p50(latency) < 1s")
    assert (passed.verdict, passed.exit_code, passed.reason) == ("passed", 0, "")
    failed = summary(lines, "sum(cost) < 0.001 USD", "rate(checks) > 99%", "p50(latency) < 1s")
    assert (failed.verdict, failed.exit_code) == ("failed", 11)
    assert [one.outcome for one in failed.thresholds] == ["fail", "fail", "pass"]
    undecided = summary(lines, "p99(latency) < 1s", "sum(cost) < 1 USD")
    assert (undecided.verdict, undecided.exit_code) == ("undecided", 10)


def test_a_session_of_refusals_has_failed_and_says_why() -> None:
    refused = [reply(n, status=401, fault=Fault(FaultKind.rejected, "", 401), usage=None) for n in range(312)]
    for texts in ([], ["count(turns) > 1"], ["p95(ttft) < 1s"]):
        found = summary(refused, *texts)
        assert (found.verdict, found.exit_code, found.reason) == ("failed", 10, "no turn succeeded: 401 x 312")
    assert (
        summary(refused, reason="stopped", reason_kind="protection").reason == "stopped; no turn succeeded: 401 x 312"
    )


def test_nothing_measured_is_not_a_pass() -> None:
    found = summary([], "p50(latency) < 1s")
    assert (found.verdict, found.exit_code, found.metrics) == ("undecided", 10, {})


def test_an_invalid_generator_makes_the_result_invalid() -> None:
    generator = Generator(valid=False, why="late")
    found = summarise(Tally(), facts(), generator=generator)
    assert (found.verdict, found.exit_code, found.generator.why) == ("invalid", 31, "late")


def test_rules_with_a_window_take_the_worst_window_or_stay_undecided() -> None:
    rule = parse("max(latency) < 1s, over 10s")
    made = Tally()
    made.add(reply(1))
    without = summarise(made, facts(), generator=Generator(), rules=[rule])
    assert without.thresholds == [Judged(rule.text, None, "undecided", "no window of 10s was completed")]
    worst = Judged(rule.text, 2000.0, "fail", "slow")
    found = summarise(made, facts(), generator=Generator(), rules=[rule], windows={rule.text: worst})
    assert (found.thresholds, found.verdict) == ([worst], "failed")


def test_facts_are_passed_through() -> None:
    found = summary([], directory="d", name="n", target="t", started_at="now", lost={"bodies": 3}, state="running")
    assert (found.directory, found.name, found.target, found.started_at) == ("d", "n", "t", "now")
    assert (found.lost, found.state, found.session, found.plan_hash, found.seed) == (
        {"bodies": 3},
        "running",
        "ses_1",
        "abc",
        7,
    )


@pytest.mark.parametrize(
    ("metric", "value", "shown", "unit"),
    [
        ("ttft", 1_234_567, 1234.57, "ms"),
        ("tpot", 1_234_567, 1.23457, "ms"),
        ("cost", 1_234_567_890, 1.23457, "USD"),
        ("tokens.output", 123, 123, "tokens"),
        ("repetition", 333_333, 0.333333, "1"),
    ],
)
def test_numbers_are_in_the_metrics_unit_with_six_digits(metric: str, value: int, shown: float, unit: str) -> None:
    histogram = Histogram()
    histogram.record(value)
    found = numbers(histogram, metric)
    assert (found.count, found.mean, found.min, found.p50, found.p999, found.max, found.unit) == (
        *(1, shown, shown, shown, shown, shown),
        unit,
    )


def test_a_point_of_a_chart_shows_a_percentile_once_there_are_enough_samples() -> None:
    made = Tally()
    for n in range(4):
        made.add(reply(n, seen_ns=n * S + 31 * MS))
    made.add(reply(5, fault=Fault(FaultKind.server, "")))
    few = point(made, 1.0, 3)
    assert (few.at_s, few.users, few.turns, few.errors, few.latency_p50, few.ttft_p95) == (1, 3, 5, 1, None, None)
    assert (few.tokens_out, few.cost_usd) == (100, 0.01)
    assert few.kinds == {"server": 1}
    assert (few.tokens_in, few.cached) == (made.view().tokens_in, made.view().cached)
    before = made.copy()
    for n in range(5):
        made.add(reply(n, 200))
    second = point(made.minus(before), 2.0, 3)
    assert (second.turns, second.errors, second.ttft_p50) == (5, 0, None)
    assert second.latency_p50 == pytest.approx(200, rel=0.01)
    assert (second.latency_p95, second.latency_p99) == (None, None)
    for n in range(100):
        made.add(reply(n, 200))
    third = point(made.minus(before), 3.0, 3)
    assert third.latency_p95 == third.latency_p99 == pytest.approx(200, rel=0.01)
