"""Reads a session's directory again: recount from the log alone, and the report."""

from __future__ import annotations

from pathlib import Path

from krawall.conduct.report import SampleConversation, SampleTurn, html
from krawall.errors import Unavailable
from krawall.metrics.catalog import METRICS
from krawall.metrics.histogram import lower_edge, upper_edge
from krawall.metrics.tally import Tally
from krawall.model.base import PICO_PER_USD
from krawall.model.exchange import Exchange, Told
from krawall.model.load import Phase
from krawall.model.plan import Plan
from krawall.model.session import State
from krawall.model.summary import Summary
from krawall.plugins.assemble import write_scenario
from krawall.services.directory import SessionDirectory, count
from krawall.services.playing import summary_of

SAMPLES = 8
SAMPLE_TURNS = 40


def recount(path: Path) -> Summary:
    """Return the result of a session, computed from the lines of its log.

    Raises:
        NotFound: the directory holds no session.
    """
    return _recount(SessionDirectory.existing(path))[0]


def _recount(directory: SessionDirectory) -> tuple[Summary, Tally]:
    lines = directory.lines(directory.segments())
    tally = count(lines)
    manifest = directory.manifest()
    if lines.torn:
        manifest.lost = {**manifest.lost, "torn lines": lines.torn}
    if manifest.state != State.finished and (lost := directory.lost_in_flight()):
        manifest.lost = {**manifest.lost, "attempts in flight": lost}
    return summary_of(directory, directory.plan(), manifest, tally), tally


def write_report(path: Path, out: Path | None = None) -> Path:
    """Write the report of a session and return where it is.

    Raises:
        NotFound: the directory holds no session.
        Unavailable: the report cannot be written.
    """
    directory = SessionDirectory.existing(path)
    summary, tally = _recount(directory)
    plan = directory.plan()
    page = html(
        summary,
        directory.manifest().points,
        plan_yaml=plan_yaml(plan),
        samples=samples(directory),
        latency_buckets=buckets(tally),
        cost_cap_usd=plan.scenario.budget.cost / PICO_PER_USD,
    )
    where = out or path / "report.html"
    try:
        where.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot write {where}: {error.strerror}") from None
    return where


def plan_yaml(plan: Plan) -> str:
    """Return a plan as a scenario file that plays the same again."""
    return write_scenario(plan.scenario.model_copy(update={"target": plan.target, "load": plan.load}))


def buckets(tally: Tally) -> list[tuple[float, float, int]]:
    """Return the latency histogram of the measure phase as (from ms, to ms, count)."""
    per_ms = METRICS["latency"].per_unit
    found = tally.histogram("latency", Phase.measure).buckets
    return [(lower_edge(index) / per_ms, upper_edge(index) / per_ms, number) for index, number in sorted(found.items())]


def samples(directory: SessionDirectory) -> list[SampleConversation]:
    """Return a few conversations to read: those that went wrong first, then the first ones."""
    wrong: list[Told] = []
    right: list[Told] = []
    for line in directory.lines(directory.segments()):
        if isinstance(line, Told):
            kept = right if line.outcome in ("completed", "ended") and not line.checks_bad else wrong
            if len(kept) < SAMPLES:
                kept.append(line)
    chosen = [*wrong[: SAMPLES // 2], *right][:SAMPLES]
    turns: dict[int, list[SampleTurn]] = {told.conversation: [] for told in chosen}
    for line in directory.lines(directory.segments()):
        if isinstance(line, Exchange) and line.conversation in turns and len(turns[line.conversation]) < SAMPLE_TURNS:
            turns[line.conversation].append(_turn(line))
    return [SampleConversation(told.conversation, told.outcome, turns[told.conversation]) for told in chosen]


def _turn(line: Exchange) -> SampleTurn:
    return SampleTurn(
        said=line.said,
        heard=line.heard,
        latency_ms=(line.last_ns - line.sent_ns) / 1e6 if line.last_ns and line.sent_ns else None,
        ttft_ms=(line.seen_ns - line.sent_ns) / 1e6 if line.seen_ns and line.sent_ns else None,
        fault=f"{line.fault.kind}: {line.fault.detail}" if line.fault else "",
    )
