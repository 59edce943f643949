"""Thresholds judged: a rule and a tally give pass, fail or undecided. Reads the phase `measure` only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from krawall.metrics.catalog import METRICS, Kind, Metric, Scope
from krawall.metrics.cell import Cell
from krawall.metrics.rule import Rule, class_of, parse
from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S, Record, format_duration
from krawall.model.load import Phase
from krawall.model.summary import Judged

__all__ = ["Rule", "abort_now", "class_of", "judge", "parse", "worse"]

Pauses = Sequence[tuple[int, int]]
"""Stretches in which a session was paused, ns since it began: from, to."""

PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"
_EXACT_SUMS = {"cost": ("cost_pico", 1e12), "tokens.input": ("tokens_in", 1.0), "tokens.output": ("tokens_out", 1.0)}


class Seen(Record, frozen=True):
    """What a rule sees: the value in the metric's unit and how many samples it rests on."""

    value: float
    samples: int


def judge(rule: Rule, tally: Tally, elapsed_ns: int, pauses: Pauses = ()) -> Judged:
    """Return what `rule` says of `tally`.

    `elapsed_ns` is how long the tally has been counting: since the session began, or, for a rule with a window, the
    length of the window that `tally` is. `pauses` of the session are no time in which anything could have happened.
    """
    if rule.over_ns and elapsed_ns < rule.over_ns:
        return Judged(rule.text, None, UNDECIDED, f"no window of {format_duration(rule.over_ns)} was completed")
    seen = _see(rule, tally, elapsed_ns, pauses)
    value = rounded(seen.value)
    if seen.samples < rule.samples:
        return Judged(
            rule.text,
            value if seen.samples else None,
            UNDECIDED,
            f"{seen.samples} samples, at least {rule.samples} are needed",
        )
    outcome = PASS if _holds(rule, seen.value) else FAIL
    limit = f"{rule.operator} {_shown(rule, rule.limit)}"
    return Judged(rule.text, value, outcome, f"{rule.head} is {_shown(rule, seen.value)}, the limit is {limit}")


def abort_now(rule: Rule, tally: Tally, window_tally: Tally | None, elapsed_ns: int, pauses: Pauses = ()) -> str | None:
    """Return why the session must stop now for `rule`, or None. `elapsed_ns` is since the session began.

    `window_tally` holds the last `rule.over_ns`; None while no whole window has passed.
    """
    if not rule.abort or elapsed_ns < rule.after_ns:
        return None
    if rule.over_ns is None:
        judged = judge(rule, tally, elapsed_ns, pauses)
    elif window_tally is not None:
        judged = judge(rule, window_tally, rule.over_ns)
    else:
        return None
    return f"threshold {rule.text!r}: {judged.why}" if judged.outcome == FAIL else None


def worse(rule: Rule, one: Judged, other: Judged) -> Judged:
    """Return the worse judgement of two windows; an undecided one says nothing. On a tie the first."""
    if other.outcome == UNDECIDED or other.value is None:
        return one
    if one.outcome == UNDECIDED or one.value is None:
        return other
    if one.outcome != other.outcome:
        return one if one.outcome == FAIL else other
    if rule.operator.startswith("<"):
        return other if other.value > one.value else one
    if rule.operator.startswith(">"):
        return other if other.value < one.value else one
    return one


def _holds(rule: Rule, value: float) -> bool:
    if rule.operator == "<":
        return value < rule.limit
    if rule.operator == "<=":
        return value <= rule.limit
    if rule.operator == ">":
        return value > rule.limit
    if rule.operator == ">=":
        return value >= rule.limit
    return value == rule.limit


def _shown(rule: Rule, value: float) -> str:
    metric = METRICS[rule.metric]
    if rule.function == "count":
        return f"{value:.10g}"
    if metric.kind is Kind.share:
        return f"{value * 100:.6g} %"
    return f"{value:.6g} {metric.unit}".removesuffix(" 1")


def _see(rule: Rule, tally: Tally, elapsed_ns: int, pauses: Pauses) -> Seen:
    metric = METRICS[rule.metric]
    cells = list(tally.select(Phase.measure, rule.step, rule.turn))
    if rule.function == "count" and not (metric.kind is Kind.distribution and metric.name != "turns"):
        return Seen(float(_events(metric.name, cells)), _watched(metric, cells))
    if metric.kind is Kind.distribution:
        return _see_distribution(rule, metric, tally, cells)
    if metric.kind is Kind.share:
        return _see_share(metric.name, cells)
    span_ns = elapsed_ns if rule.over_ns else span_ns_of(cells, pauses)
    return Seen(pace(metric.name, cells, span_ns), _sum(cells, "attempts"))


def _see_distribution(rule: Rule, metric: Metric, tally: Tally, cells: list[Cell]) -> Seen:
    if rule.function == "sum" and metric.name in _EXACT_SUMS:
        name, per_unit = _EXACT_SUMS[metric.name]
        return Seen(_sum(cells, name) / per_unit, _sum(cells, "attempts"))
    histogram = tally.histogram(metric.name, Phase.measure, rule.step, rule.turn)
    if rule.function == "count":
        return Seen(float(histogram.count), histogram.count)
    if rule.quantile is not None:
        value = histogram.quantile(rule.quantile)
    else:
        of = {"avg": histogram.mean, "min": histogram.min, "max": histogram.max, "sum": histogram.total}
        value = of[rule.function]
    return Seen(value / metric.per_unit, histogram.count)


def _see_share(name: str, cells: list[Cell]) -> Seen:
    if name == "checks":
        part = sum(sum(cell.checks_ok.values()) for cell in cells)
        whole = part + sum(sum(cell.checks_bad.values()) for cell in cells)
    elif name == "dropped":
        part = _sum(cells, "dropped")
        whole = part + sum(sum(cell.outcomes.values()) for cell in cells)
    elif name == "goodput":
        part, whole = _sum(cells, "good"), sum(cell.own_ends for cell in cells)
    else:
        part, whole = _events(name, cells), _sum(cells, "turns")
    return Seen(part / whole if whole else 0.0, whole)


def _events(name: str, cells: list[Cell]) -> int:
    """Return how often what `name` counts has happened."""
    if name == "errors":
        return sum(sum(cell.failed.values()) for cell in cells)
    if name.startswith("errors."):
        return sum(cell.failed.get(name.removeprefix("errors."), 0) for cell in cells)
    if name == "conversations":
        return sum(cell.own_ends for cell in cells)
    return _sum(cells, name)


def _watched(metric: Metric, cells: list[Cell]) -> int:
    """Return among how many attempts, or conversations, the events were counted: none of none says nothing."""
    if metric.scope is Scope.conversation and metric.name != "turns":
        return sum(cell.dropped + sum(cell.outcomes.values()) for cell in cells)
    return _sum(cells, "attempts")


def pace(name: str, cells: Iterable[Cell], span_ns: int) -> float:
    """Return a metric that is per second, over `span_ns`; 0 when that is 0."""
    cells = list(cells)
    if name == "turns_per_s":
        events = _sum(cells, "ok")
    elif name == "output_tokens_per_s":
        events = _sum(cells, "tokens_out")
    elif name == "goodput_per_s":
        events = _sum(cells, "good")
    else:
        events = sum(cell.outcomes.get("completed", 0) + cell.outcomes.get("ended", 0) for cell in cells)
    return events * NS_PER_S / span_ns if span_ns > 0 else 0.0


def rounded(value: float) -> float:
    """Return `value` to six significant digits: more than a histogram knows, few enough to print the same everywhere."""
    return float(f"{value:.6g}")


def span_ns_of(cells: Iterable[Cell], pauses: Pauses = ()) -> int:
    """Return the time from the earliest planned moment of `cells` to the latest end, pauses left out, ns; 0 when there is none."""
    spans = [(cell.first_ns, cell.last_ns) for cell in cells]
    if not spans:
        return 0
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    still = sum(max(0, min(end, last) - max(begin, first)) for begin, end in pauses)
    return max(0, last - first - still)


def _sum(cells: list[Cell], name: str) -> int:
    return sum(getattr(cell, name) for cell in cells)
