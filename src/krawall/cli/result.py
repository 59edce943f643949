"""The result of a session for a terminal: verdict first, then what it rests on, then how to repeat it. Draws, prints nothing."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from krawall.cli.terminal import fit
from krawall.conduct import words
from krawall.model.summary import Conversations, Summary

VERDICTS = {
    "passed": ("✓", "+", "green"),
    "failed": ("✗", "x", "red"),
    "undecided": ("?", "?", "yellow"),
    "invalid": ("!", "!", "yellow"),
    "none": ("·", "-", "default"),
}
"""Sign, its plain form, colour. The word always stands beside them."""

SERVER = "server"
"""Stands for the command of a session that a server played."""

_JUDGED = {"pass": "passed", "fail": "failed", "undecided": "undecided"}
_SHOWN = ("ttft", "latency", "latency_intended", "itl", "tpot", "send_lag")
_FIGURES = ("mean", "p50", "p95", "p99", "max")


class Fitted:
    """Something to draw, without the marks of the drawing library that the console's encoding cannot write."""

    def __init__(self, drawing: RenderableType) -> None:
        self._drawing = drawing

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._drawing, options):
            known = segment.control or console.encoding.startswith("utf")
            yield segment if known else Segment(fit(segment.text, console.encoding), segment.style)


def result(summary: Summary, command: str, encoding: str) -> RenderableType:
    """Return the whole result, no wider than it is given; `encoding` decides between signs and plain letters."""
    parts = [
        _verdict(summary, encoding),
        _thresholds(summary, encoding),
        _metrics(summary),
        _counts(summary, encoding),
        _repeat(summary, command, encoding),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        if part is not None:
            spaced += [part, Text()]
    return Group(*spaced[:-1])


def sign(verdict: str, encoding: str) -> str:
    """Return the sign of a verdict that the encoding can show."""
    fine, plain, _ = VERDICTS.get(verdict, VERDICTS["none"])
    return fine if encoding.lower().startswith("utf") else plain


def _verdict(summary: Summary, encoding: str) -> Text:
    style = VERDICTS.get(summary.verdict, VERDICTS["none"])[2]
    why = words.reasons(summary)
    line = Text.assemble(
        (f"{sign(summary.verdict, encoding)} {words.VERDICTS.get(summary.verdict, summary.verdict)}", f"bold {style}"),
        f": {fit(why[0], encoding)}",
    )
    for reason in why[1:]:
        line.append(f"\n  {fit(reason, encoding)}")
    if not summary.generator.valid:
        line.append("\n  Do not trust the times below: they hold the generator's own lateness.", style)
    about = (
        f"\n  {summary.name or summary.session} on {summary.target or 'no target'}, {words.lasting(summary.duration_s)}"
    )
    line.append(fit(about, encoding), "dim")
    return line


def _thresholds(summary: Summary, encoding: str) -> Table | None:
    if not summary.thresholds:
        return None
    table = _grid(("left", "left", "right"), expand=False)
    table.columns[1].overflow = "fold"
    for judged in summary.thresholds:
        verdict = _JUDGED.get(judged.outcome, "none")
        outcome = Text(f"{sign(verdict, encoding)} {judged.outcome}", VERDICTS[verdict][2])
        why = f"\n{judged.why}" if judged.outcome == "undecided" and judged.why else ""
        told = Text.assemble(fit(judged.text, encoding), (fit(why, encoding), "dim"))
        table.add_row(outcome, told, words.seen(judged))
    return table


def _metrics(summary: Summary) -> Table | None:
    names = [name for name in _SHOWN if name in summary.metrics and summary.metrics[name].count]
    if not words.differs(summary.metrics):
        names = [name for name in names if name != "latency_intended"]
    if not names:
        return None
    table = _grid(("left", *("right",) * 6))
    table.add_row(*(Text(head, "dim") for head in ("measure phase", "count", *_FIGURES)))
    for name in names:
        numbers = summary.metrics[name]
        cells = (words.quantile(numbers, figure) for figure in _FIGURES)
        table.add_row(Text(name, "bold"), words.count(numbers.count), *(_cell(cell) for cell in cells))
    return table


def _cell(text: str) -> Text:
    return Text(text, "dim" if text == words.TOO_FEW else "")


def _counts(summary: Summary, encoding: str) -> Table:
    table = _grid(("left", "left"))
    table.columns[1].overflow = "fold"
    for name, told in _facts(summary):
        table.add_row(Text(name, "dim"), fit(told, encoding))
    return table


def _facts(summary: Summary) -> Iterable[tuple[str, str]]:
    rates, tokens = summary.rates, summary.tokens
    failed = sum(summary.errors.values())
    yield "conversations", conversations(summary.conversations)
    yield (
        "turns",
        f"{words.count(summary.turns)} in {words.many(summary.attempts, 'attempt')}",
    )
    errors = (
        f"{words.count(failed)} of {words.many(summary.attempts, 'attempt')} ({words.share(failed, summary.attempts)})"
    )
    yield "errors", f"{errors}: {words.counts(summary.errors)}" if failed else "none"
    if summary.injected:
        yield "put in by us", words.counts(summary.injected)
    if summary.checks:
        yield "checks", _checks(summary)
    estimated = f", {words.count(tokens.estimated)} of them estimated" if tokens.estimated else ""
    yield "tokens", f"{words.count(tokens.input)} in, {words.count(tokens.output)} out{estimated}"
    yield "cost", words.money(summary.cost_usd)
    yield (
        "per second",
        (
            f"{words.rate(rates.turns_per_s)} turns, {words.rate(rates.conversations_per_s)} conversations, "
            f"{words.rate(rates.goodput_per_s)} of them good, {words.rate(rates.output_tokens_per_s)} output tokens"
        ),
    )
    if summary.lost:
        yield "lost", words.counts(summary.lost)
    if summary.gaps:
        yield "gaps", "\n".join(words.gap(gap) for gap in summary.gaps)
    if summary.pauses:
        yield "paused", ", ".join(words.stretch(pause.from_s, pause.to_s) for pause in summary.pauses)


def conversations(told: Conversations) -> str:
    """Return how many conversations there were and what became of them: `240 of 400: completed 236, failed 4`."""
    planned = f" of {words.count(told.planned)}" if told.planned is not None else ""
    names = ("completed", "ended", "failed", "capped", "abandoned", "dropped")
    kinds = [f"{name} {words.count(getattr(told, name))}" for name in names if getattr(told, name)]
    return f"{words.count(told.started)}{planned}{': ' if kinds else ''}{', '.join(kinds)}"


def _checks(summary: Summary) -> str:
    held = sum(good for good, _ in summary.checks.values())
    bad = {name: found[1] for name, found in summary.checks.items() if found[1]}
    told = f"{words.count(held)} of {words.count(held + sum(bad.values()))} held"
    return f"{told}; failed: {', '.join(f'{name} {words.count(n)}' for name, n in bad.items())}" if bad else told


def _repeat(summary: Summary, command: str, encoding: str) -> Table:
    facts = [("seed", f"{summary.seed}, plan {summary.plan_hash[:16]}, exit code {summary.exit_code}")]
    if command == SERVER:
        facts += [
            ("session", summary.session),
            ("again", f"krawall sessions restart {summary.session}"),
            ("report", f"krawall sessions report {summary.session}"),
        ]
    else:
        again = "krawall demo" if command == "demo" else f"krawall run {command or 'FILE'} --seed {summary.seed}"
        facts += [
            ("directory", f"{summary.directory}{' (report.html, log, plan)' if command else ''}"),
            ("again", again),
            ("report", f"krawall report {summary.directory}"),
        ]
    table = _grid(("left", "left"))
    table.columns[1].overflow = "fold"
    for name, told in facts:
        table.add_row(Text(name, "dim"), fit(told, encoding))
    return table


def _grid(justify: Iterable[str], *, expand: bool = False) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=expand)
    for side in justify:
        table.add_column(justify="right" if side == "right" else "left")
    return table
