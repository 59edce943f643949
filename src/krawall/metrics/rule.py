"""A threshold, parsed: `p95(ttft) < 800ms, abort after 30s`. The grammar is in `parse`; judging is in `thresholds`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from krawall.metrics.catalog import COUNTABLE, METRICS, Group, Kind, Metric, Scope
from krawall.metrics.tally import MANY
from krawall.model.base import parse_duration, parse_money, parse_rate, parse_size

FUNCTIONS = ("p50", "p75", "p90", "p95", "p99", "p99.9", "med", "avg", "min", "max", "rate", "count", "sum", "value")
_KIND = {"rate": Kind.share, "count": Kind.counter, "value": Kind.pace}
_RULE = re.compile(r"([\w.]+)\s*\(\s*([\w.\-]+)\s*\)\s*(<=|>=|==|<|>)\s*(.+)")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
OPTIONS = ("abort after 30s", "over 10s", "at least 50 samples", "step steps.2", "turn 3")


@dataclass(frozen=True)
class Rule:
    """One threshold. `limit` is in the metric's unit (ms, USD, tokens, 1 for shares and counts, per second).

    `quantile` is 0..1 for p.., med; else None. `abort`: stop the session when it fails, judged from `after_ns` on.
    `over_ns`: judge windows of that length. `samples`: below so many it is undecided. `step`, `turn`: only those.
    """

    text: str
    function: str
    metric: str
    operator: str
    limit: float
    samples: int
    quantile: float | None = None
    abort: bool = False
    after_ns: int = 0
    over_ns: int | None = None
    step: str | None = None
    turn: int | None = None

    @property
    def head(self) -> str:
        """What is judged, such as `p95(ttft)`."""
        return f"{self.function}({self.metric})"


def class_of(rule: Rule) -> Group:
    """Return whether a rule is about performance, quality or cost."""
    return METRICS[rule.metric].group


def parse(text: str) -> Rule:
    """Return the rule that `FUNCTION(METRIC) OPERATOR LIMIT[, OPTION]...` writes.

    Options, in any order: `abort after 30s`, `over 10s`, `at least 50 samples`, `step steps.2`, `turn 3` (33: all turns
    after the 32nd).

    Raises:
        ValueError: it is not a rule; names the nearest known word.
    """
    first, *options = [part.strip() for part in text.split(",")]
    found = _RULE.fullmatch(first)
    if not found:
        raise ValueError(f"{first!r} is not a threshold; write it like 'p95(ttft) < 800ms' or 'rate(errors) < 1%'")
    function, name, operator, limit = found.groups()
    quantile = _quantile(function)
    metric = _metric(function, name)
    bound = _limit(function, metric, limit.strip())
    return _with_options(Rule(text.strip(), function, name, operator, bound, _samples(quantile), quantile), options)


def _quantile(function: str) -> float | None:
    if function == "med":
        return 0.5
    found = _QUANTILE.fullmatch(function)
    if found and float(found[1]) > 0:
        return float(found[1]) / 100
    if function in FUNCTIONS:
        return None
    raise ValueError(f"unknown function {function!r}{_nearest(function, FUNCTIONS)}")


def _metric(function: str, name: str) -> Metric:
    metric = METRICS.get(name)
    if metric is None:
        raise ValueError(f"unknown metric {name!r}{_nearest(name, METRICS)}")
    wanted = _KIND.get(function, Kind.distribution)
    fits = metric.kind is wanted or (function == "count" and (name in COUNTABLE or metric.kind is Kind.distribution))
    if fits:
        return metric
    instead = {Kind.share: "rate", Kind.counter: "count", Kind.pace: "value", Kind.distribution: "p95"}[metric.kind]
    raise ValueError(f"{function}() does not read {name}, a {metric.kind}; write {instead}({name})")


def _samples(quantile: float | None) -> int:
    """Return how many samples a quantile needs to mean anything: one beyond it must be expected (p95: 20, p99: 100)."""
    if quantile is None or quantile == 0.5:
        return 1
    return math.ceil(1 / min(quantile, 1 - quantile) - 1e-6)


def _limit(function: str, metric: Metric, text: str) -> float:
    if function == "count":
        return float(parse_size(text))
    try:
        if metric.kind is Kind.pace:
            return parse_rate(text)
        if metric.unit == "ms":
            return parse_duration(text) / 1e6
        if metric.unit == "USD":
            return parse_money(text) / 1e12
        if metric.unit == "tokens":
            return float(parse_size(text.removesuffix("tokens").strip()))
        return _share_or_number(metric, text)
    except ValueError as error:
        raise ValueError(f"the limit of {function}({metric.name}) is in {_unit(metric)}: {error}") from None


def _share_or_number(metric: Metric, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text)
    if not found:
        raise ValueError(f"{text!r} is not a number")
    value = float(found[1]) / 100 if found[2] else float(found[1])
    if metric.kind is Kind.share and value > 1:
        raise ValueError(f"a share is at most 1, or 100%, not {text!r}")
    return value


def _unit(metric: Metric) -> str:
    if metric.kind is Kind.share:
        return "percent, or 0 to 1"
    return {"ms": "ms, s or m", "1": "plain numbers", "1/s": "events per second"}.get(metric.unit, metric.unit)


_WORDS = {
    "abort": re.compile(r"abort(?:\s+after\s+(.+))?"),
    "over": re.compile(r"over\s+(.+)"),
    "at least": re.compile(r"at\s+least\s+(\S+)(?:\s+samples?)?"),
    "step": re.compile(r"step\s+(\S+)"),
    "turn": re.compile(r"turn\s+(\d+)"),
}


def _with_options(rule: Rule, options: list[str]) -> Rule:
    given: set[str] = set()
    for option in options:
        word, found = next(
            ((word, found) for word, form in _WORDS.items() if (found := form.fullmatch(option))), ("", None)
        )
        if found is None:
            raise ValueError(f"unknown option {option!r}{_nearest(option, OPTIONS)}")
        if word in given:
            raise ValueError(f"{option!r}: `{word}` is given twice")
        given.add(word)
        rule = _with_option(rule, word, found[1])
    if METRICS[rule.metric].scope is Scope.conversation and rule.head != "count(turns)" and given & {"step", "turn"}:
        raise ValueError(f"{rule.metric} is of whole conversations: it has no step and no turn")
    return rule


def _with_option(rule: Rule, word: str, value: str | None) -> Rule:
    if word == "abort":
        return replace(rule, abort=True, after_ns=parse_duration(value) if value else 0)
    if word == "over":
        window = parse_duration(value)
        if window <= 0:
            raise ValueError("`over` needs a length above 0, such as 'over 10s'")
        return replace(rule, over_ns=window)
    if word == "at least":
        return replace(rule, samples=max(1, parse_size(value)))
    if word == "step":
        return replace(rule, step=value)
    turn = int(value or 0)
    if not 1 <= turn <= MANY:
        raise ValueError(f"`turn` is 1 to {MANY - 1}, or {MANY} for all later turns, not {turn}")
    return replace(rule, turn=turn)


def _nearest(word: str, known: Iterable[str]) -> str:
    words = list(known)
    near = get_close_matches(word, words, n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(words)}"
