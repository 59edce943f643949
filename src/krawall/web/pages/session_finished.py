"""A session that is over: its numbers, its pictures, and the same by step, by turn and by conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import htpy as h

from krawall.conduct import words
from krawall.conduct.words import count, lasting, money, share
from krawall.metrics.catalog import METRICS
from krawall.model.summary import Numbers, Part, Summary
from krawall.web import charts, ui
from krawall.web.pages.session_charts import over_time
from krawall.web.pages.session_head import Facts
from krawall.web.urls import address

OUTCOMES = {
    "completed": ("Completed", "ok"), "failed": ("Failed", "bad"), "ended": ("Ended by the scenario", "plain"), "capped": ("Capped", "warn"),
    "abandoned": ("Abandoned", "warn"), "lost": ("Lost", "bad"), "dropped": ("Dropped", "warn"),
}  # fmt: skip
"""What became of a conversation -> word and colour."""
JUDGED = {"pass": "passed", "fail": "failed", "undecided": "undecided"}


def overview(facts: Facts) -> h.Node:
    """Return tiles, thresholds, charts, tables and the generator's health."""
    summary = facts.summary
    if summary is None:
        return ui.card("", ui.empty("Nothing was measured, so there is nothing to show.", symbol="chart-column"))
    if not summary.turns:
        return [_tiles(summary), _thresholds(summary), _generator(summary)]
    return [
        _tiles(summary),
        _thresholds(summary),
        over_time(facts),
        h.div(".cols.charts")[_pictures(facts, summary)],
        _parts("By step", "Step", [(facts_name(part.name), part) for part in summary.steps]),
        _parts("By turn", "Turn", [(part.name, part) for part in summary.turn_parts]),
        _metrics(summary),
        h.div(".cols")[_checks(summary), _generator(summary), _holes(summary)],
    ]


def facts_name(step: str) -> str:
    """Return the place of a step as people count: `steps.0` is `1`, `steps.2.steps.1` is `3.2`."""
    numbers = [str(int(part) + 1) for part in step.split(".") if part.isdigit()]
    return f"Step {'.'.join(numbers)}" if numbers else step


def _quantile(numbers: Numbers | None, name: str) -> str:
    return words.quantile(numbers, name) if numbers is not None and numbers.count else "none"


def _tiles(summary: Summary) -> h.Element:
    latency, ttft = summary.metrics.get("latency"), summary.metrics.get("ttft")
    failed = sum(summary.errors.values())
    told = summary.conversations
    return h.div(".ten")[ui.tiles(
        ui.tile("Messages", count(summary.turns), note=f"{words.rate(summary.rates.turns_per_s)} per second"),
        ui.tile("Conversations", count(told.started), note=f"{count(told.completed)} completed"),
        ui.tile("p50", _quantile(latency, "p50")),
        ui.tile("p95", _quantile(latency, "p95")),
        ui.tile("p99", _quantile(latency, "p99")),
        ui.tile("First token, p95", _quantile(ttft, "p95")),
        ui.tile("Errors", share(failed, summary.attempts), note=f"{count(failed)} of {count(summary.attempts)} attempts"),
        ui.tile("Tokens", charts.short(summary.tokens.input + summary.tokens.output), note=_estimated(summary)),
        ui.tile("Cost", money(summary.cost_usd)),
        ui.tile("Duration", lasting(summary.duration_s)),
    )]  # fmt: skip


def _estimated(summary: Summary) -> str | None:
    return f"{count(summary.tokens.estimated)} of them estimated" if summary.tokens.estimated else None


def _thresholds(summary: Summary) -> h.Node:
    if not summary.thresholds:
        return None
    columns = [ui.Column("Threshold", wide=True), ui.Column("Outcome"), ui.Column("Saw", number=True), ui.Column("Why")]
    rows = [
        ui.Row((h.code[each.text], ui.status(JUDGED.get(each.outcome, each.outcome)), words.seen(each), each.why if each.outcome != "pass" else ""))
        for each in sorted(summary.thresholds, key=lambda each: ("fail", "undecided", "pass").index(each.outcome))
    ]  # fmt: skip
    return ui.card("Thresholds", ui.table("Thresholds", columns, rows), flush=True)


def _pictures(facts: Facts, summary: Summary) -> h.Node:
    found, latency, tokens = facts.spread, summary.metrics.get("latency"), summary.tokens
    marks = {
        name: float(getattr(latency, name))
        for name in ("p50", "p95", "p99")
        if latency and latency.count >= words.SAMPLES.get(name, 1)
    }
    parts = [
        ("Prompt", tokens.input - tokens.cached),
        ("Completion", tokens.output - tokens.reasoning),
        ("Cached", tokens.cached),
        ("Reasoning", tokens.reasoning),
    ]
    told = summary.conversations
    outcomes = [(word, int(getattr(told, name, 0))) for name, (word, _) in OUTCOMES.items()]
    return [
        charts.histogram(found, marks) if found.cells else None,
        charts.heatmap(found) if found.cells else None,
        charts.ring("tokens", "Tokens", parts, "tokens") if tokens.input + tokens.output else None,
        charts.ring("outcomes", "Conversations by outcome", outcomes, "conversations") if sum(n for _, n in outcomes) else None,
    ]  # fmt: skip


def _parts(caption: str, what: str, parts: Sequence[tuple[str, Part]]) -> h.Node:
    if not parts:
        return None
    columns = [
        ui.Column(what),
        *(
            ui.Column(title, number=True)
            for title in ("Turns", "Errors", "First token p50", "First token p95", "p50", "p95", "p99")
        ),
    ]
    rows = []
    for name, part in parts:
        failed, ttft, latency = sum(part.errors.values()), part.metrics.get("ttft"), part.metrics.get("latency")
        times = [
            *(_quantile(ttft, each) for each in ("p50", "p95")),
            *(_quantile(latency, each) for each in ("p50", "p95", "p99")),
        ]
        rows.append(ui.Row((name, count(part.turns), f"{count(failed)}", *times)))
    return ui.card(caption, ui.table(caption, columns, rows), flush=True)


def _metrics(summary: Summary) -> h.Element:
    columns = [
        ui.Column("Metric", wide=True),
        *(ui.Column(title, number=True) for title in ("Count", "Mean", "p50", "p90", "p95", "p99", "Largest")),
    ]
    order = [name for name in words.LABELS if name in summary.metrics]
    rows = [
        ui.Row((
            ui.tooltip(words.LABELS.get(name, name), METRICS[name].meaning) if name in METRICS else words.LABELS.get(name, name),
            count(summary.metrics[name].count),
            *(words.quantile(summary.metrics[name], each) for each in ("mean", "p50", "p90", "p95", "p99", "max")),
        ))
        for name in [*order, *sorted(set(summary.metrics) - set(order))]
    ]  # fmt: skip
    return ui.card(
        "",
        h.details(".more.alone.wide")[
            h.summary[ui.icon("chevron-right"), "All metrics"], ui.table("All metrics", columns, rows)
        ],
    )


def _checks(summary: Summary) -> h.Node:
    if not summary.checks:
        return None
    columns = [
        ui.Column("Check", wide=True),
        ui.Column("Held", number=True),
        ui.Column("Failed", number=True),
        ui.Column("Share", number=True),
    ]
    rows = [
        ui.Row((name, count(good), count(bad), share(good, good + bad))) for name, (good, bad) in summary.checks.items()
    ]
    return ui.card("Checks", ui.table("Checks", columns, rows), flush=True)


def _generator(summary: Summary) -> h.Element:
    health = summary.generator
    lost = [(f"Lost: {what.replace('_', ' ')}", count(n)) for what, n in summary.lost.items() if n]
    return ui.card(
        "Generator",
        ui.facts(
            ("Kept up", [ui.badge("Yes", "ok", "check") if health.valid else ui.badge("No", "bad", "x"), f" {health.why}" if health.why else None]),
            ("Event loop late, p99", words.time(health.loop_lag_p99_ms)),
            ("Sent late, p99", words.time(health.send_lag_p99_ms)),
            ("Busiest process", f"{health.cpu * 100:.0f} % of a core"),
            *lost,
        ),
    )  # fmt: skip


def _holes(summary: Summary) -> h.Node:
    said = [words.sentence(words.gap(each)) for each in summary.gaps]
    said += [f"Paused {words.stretch(each.from_s, each.to_s)}" for each in summary.pauses]
    return ui.card("Gaps and pauses", h.ul(".reasons")[[h.li[each] for each in said]]) if said else None


def conversations_tab(
    id: str, items: Sequence[dict[str, Any]], now: dict[str, str], following: int | None
) -> h.Element:
    """Return one page of the conversations of a session."""
    options = [("", "All"), *((name, word) for name, (word, _) in OUTCOMES.items() if name != "dropped")]
    filters = h.form(".filters", method="get", action=f"/sessions/{id}", role="search", aria_label="Filter conversations", data_filters=True)[
        h.input(type="hidden", name="tab", value="conversations"),
        ui.field("Number or reason", "q", now.get("q", ""), kind="search", more={"data-key": "/"}),
        ui.select("Outcome", "outcome", options, now.get("outcome", ""), required=True),
        ui.button("Filter", submit=True),
    ]  # fmt: skip
    if not items:
        clear = ui.button("Clear filters", symbol="x", href=f"/sessions/{id}?tab=conversations")
        some = bool(now.get("q") or now.get("outcome"))
        return h.div(".stack")[
            filters if some else None,
            ui.card(
                "",
                ui.empty(
                    "No conversation fits these filters." if some else "No conversation is over yet.",
                    clear if some else None,
                    "message-square",
                ),
            ),
        ]
    columns = [
        ui.Column("Conversation"), ui.Column("Outcome"), ui.Column("Why", wide=True), ui.Column("Turns", number=True), ui.Column("Took", number=True),
        ui.Column("Tokens", number=True), ui.Column("Cost", number=True), ui.Column("Checks", number=True), ui.Column("Began", number=True),
    ]  # fmt: skip
    rows = [_conversation(id, each) for each in items]
    base = {"tab": "conversations", **now}
    pager = ui.pager(
        address(f"/sessions/{id}", base, {"from": None}) if now.get("from") else "",
        address(f"/sessions/{id}", base, {"from": str(following)}) if following else "",
        words.many(len(items), "conversation") + " on this page",
    )
    return h.div(".stack")[filters, ui.card("", ui.table("Conversations", columns, rows), pager, flush=True)]


def _conversation(id: str, each: dict[str, Any]) -> ui.Row:
    word, tone = OUTCOMES.get(each["outcome"], (str(each["outcome"]).capitalize(), "plain"))
    checks = each["checks_ok"] + each["checks_bad"]
    return ui.Row(
        (
            f"#{each['conversation']}", [ui.badge(word, tone), " ", ui.badge("Slow", "warn") if each["slow"] else None],  # type: ignore[arg-type]
            each["reason"], count(each["turns"]), words.time(each["took_ms"]), count(each["tokens_in"] + each["tokens_out"]), money(each["cost_usd"]),
            f"{each['checks_ok']} of {checks}" if checks else "none", lasting(each["at_ms"] / 1000),
        ),
        href=f"/sessions/{id}/conversations/{each['conversation']}",
    )  # fmt: skip
