"""From a tally to what a session says of itself. The same tally gives the same numbers, to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from krawall.metrics.catalog import METRICS, distributions
from krawall.metrics.cell import Cell
from krawall.metrics.histogram import Histogram
from krawall.metrics.rule import Rule, class_of
from krawall.metrics.tally import MANY, WHOLE, Tally
from krawall.metrics.thresholds import FAIL, UNDECIDED, Pauses, judge, pace, rounded, span_ns_of
from krawall.metrics.verdict import all_failed, exit_code, verdict_of
from krawall.model.base import NS_PER_S, PICO_PER_USD
from krawall.model.load import Phase
from krawall.model.session import State
from krawall.model.summary import (
    Conversations,
    Gap,
    Generator,
    Judged,
    Numbers,
    Part,
    Pause,
    Point,
    Rates,
    Summary,
    Tokens,
)

__all__ = ["Facts", "exit_code", "numbers", "point", "summarise"]

ENOUGH = {0.5: 5, 0.95: 20, 0.99: 100}  # samples below which a point of a chart shows no such percentile
_QUANTILES = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a summary says that is not in the tally. `reason_kind`: cap, protection, person, unreachable, internal or none.

    `planned`: conversations, None when only time ends the session. `lost`: what the log could not keep.
    """

    session: str
    plan_hash: str
    seed: int
    outcome: str
    reason_kind: str = ""
    reason: str = ""
    state: str = State.finished
    planned: int | None = None
    directory: str = ""
    name: str = ""
    target: str = ""
    started_at: str = ""
    lost: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)


def summarise(
    tally: Tally,
    facts: Facts,
    *,
    generator: Generator,
    rules: Sequence[Rule] = (),
    windows: Mapping[str, Judged] | None = None,
) -> Summary:
    """Return the summary. `windows` holds the worst window by the text of each rule that has one (`Windows.worst`)."""
    whole = tally.view()
    measure = tally.view(Phase.measure)
    pauses = [_ns(pause, whole.last_ns) for pause in facts.pauses]
    judged = [_judge(rule, tally, whole.last_ns, windows or {}, pauses) for rule in rules]
    verdict = verdict_of(judged, generator, whole)
    return Summary(
        session=facts.session,
        plan_hash=facts.plan_hash,
        seed=facts.seed,
        state=facts.state,
        outcome=facts.outcome,
        reason="; ".join(part for part in (facts.reason, all_failed(whole)) if part),
        verdict=verdict,
        exit_code=exit_code(facts.outcome, facts.reason_kind, verdict, _not_held(rules, judged)),
        conversations=_conversations(whole, facts.planned),
        turns=whole.turns,
        attempts=whole.attempts,
        errors=_sorted(whole.errors),
        metrics=_metrics(measure),
        rates=_rates(measure, pauses),
        tokens=Tokens(whole.tokens_in, whole.tokens_out, whole.cached, whole.reasoning, whole.estimated),
        cost_usd=whole.cost_pico / PICO_PER_USD,
        thresholds=judged,
        generator=generator,
        directory=facts.directory,
        name=facts.name,
        target=facts.target,
        statuses={str(status): whole.statuses[status] for status in sorted(whole.statuses)},
        injected=_sorted(whole.injected),
        checks=whole.checks,
        duration_s=rounded(whole.last_ns / NS_PER_S),
        started_at=facts.started_at,
        phases=_phases(tally),
        steps=_steps(tally),
        turn_parts=_turns(tally),
        lost=facts.lost,
        gaps=facts.gaps,
        pauses=facts.pauses,
    )


def numbers(histogram: Histogram, metric: str) -> Numbers:
    """Return one metric's numbers in its unit, rounded to six significant digits."""
    known = METRICS[metric]
    low, mean, *quantiles, high = (
        rounded(value / known.per_unit)
        for value in (histogram.min, histogram.mean, *histogram.quantiles(_QUANTILES), histogram.max)
    )
    p50, p75, p90, p95, p99, p999 = quantiles
    return Numbers(histogram.count, low, mean, p50, p75, p90, p95, p99, p999, high, known.unit)


def point(diff: Tally, at_s: float, users: int, over: Tally | None = None, over_s: int = 1) -> Point:
    """Return one point of a chart from what one second added. Percentiles of too few samples are None.

    `over`: what the last `over_s` seconds added, this one among them; percentiles are of these.
    """
    p50, p95, p99 = _percentiles(over or diff, "latency", [0.5, 0.95, 0.99])
    ttft50, ttft95 = _percentiles(over or diff, "ttft", [0.5, 0.95])
    cells = list(diff.cells.values())
    kinds = sum((Counter(cell.errors) for cell in cells), Counter[str]())
    return Point(
        at_s=rounded(at_s),
        users=users,
        turns=sum(cell.turns for cell in cells),
        errors=kinds.total(),
        latency_p50=p50,
        latency_p95=p95,
        latency_p99=p99,
        ttft_p50=ttft50,
        ttft_p95=ttft95,
        tokens_out=sum(cell.tokens_out for cell in cells),
        cost_usd=sum(cell.cost_pico for cell in cells) / PICO_PER_USD,
        kinds=_sorted(kinds),
        tokens_in=sum(cell.tokens_in for cell in cells),
        cached=sum(cell.cached for cell in cells),
        over_s=over_s,
    )


def _percentiles(diff: Tally, metric: str, qs: list[float]) -> list[float | None]:
    histogram = diff.histogram(metric)
    values = histogram.quantiles(qs)
    return [
        rounded(value / METRICS[metric].per_unit) if histogram.count >= ENOUGH[q] else None
        for q, value in zip(qs, values, strict=True)
    ]


def _judge(rule: Rule, tally: Tally, elapsed_ns: int, windows: Mapping[str, Judged], pauses: Pauses) -> Judged:
    if rule.over_ns is None:
        return judge(rule, tally, elapsed_ns, pauses)
    return windows.get(rule.text) or judge(rule, Tally(), 0)


def _not_held(rules: Sequence[Rule], judged: Sequence[Judged]) -> list[str]:
    pairs = list(zip(rules, judged, strict=True))
    failed = [class_of(rule) for rule, one in pairs if one.outcome == FAIL]
    return list(failed or [class_of(rule) for rule, one in pairs if one.outcome == UNDECIDED])


def _conversations(whole: Cell, planned: int | None) -> Conversations:
    outcomes = whole.outcomes
    return Conversations(
        planned=planned,
        started=sum(outcomes.values()),
        completed=outcomes.get("completed", 0),
        failed=outcomes.get("failed", 0),
        ended=outcomes.get("ended", 0),
        capped=outcomes.get("capped", 0),
        abandoned=outcomes.get("abandoned", 0),
        dropped=whole.dropped,
    )


def _metrics(cell: Cell) -> dict[str, Numbers]:
    found = {metric.name: cell.histograms.get(metric.name) for metric in distributions()}
    return {name: numbers(histogram, name) for name, histogram in found.items() if histogram and histogram.count}


def _ns(pause: Pause, last_ns: int) -> tuple[int, int]:
    return round(pause.from_s * NS_PER_S), last_ns if pause.to_s is None else round(pause.to_s * NS_PER_S)


def _rates(measure: Cell, pauses: Pauses) -> Rates:
    span_ns = span_ns_of([measure], pauses)

    def per_s(name: str) -> float:
        return rounded(pace(name, [measure], span_ns))

    return Rates(
        per_s("turns_per_s"), per_s("output_tokens_per_s"), per_s("conversations_per_s"), per_s("goodput_per_s")
    )


def _part(name: str, cell: Cell) -> Part:
    return Part(name, cell.turns, _sorted(cell.errors), _metrics(cell))


def _phases(tally: Tally) -> list[Part]:
    order = {str(phase): place for place, phase in enumerate(Phase)}
    names = sorted({key[0] for key in tally.cells}, key=lambda name: (order.get(name, len(order)), name))
    return [_part(name, tally.view(name)) for name in names]


def _steps(tally: Tally) -> list[Part]:
    cells: dict[str, Cell] = {}
    for (phase, step, turn), cell in tally.cells.items():
        if phase == Phase.measure and turn != WHOLE and cell.attempts:
            cells.setdefault(step, Cell()).merge(cell)
    return [_part(step, cells[step]) for step in sorted(cells, key=_natural)]


def _turns(tally: Tally) -> list[Part]:
    cells: dict[int, Cell] = {}
    for (phase, _, turn), cell in tally.cells.items():
        if phase == Phase.measure and turn != WHOLE and cell.attempts:
            cells.setdefault(turn, Cell()).merge(cell)
    return [_part(f"{turn}+" if turn == MANY else str(turn), cells[turn]) for turn in sorted(cells)]


def _natural(step: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `steps.10` after `steps.9`."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in step.split(".")]


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}
