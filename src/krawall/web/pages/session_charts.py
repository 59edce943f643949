"""Charts over time: a `<time-chart>` each, which the page's script draws and feeds; and what stands there without it."""

from __future__ import annotations

import json

import htpy as h

from krawall.conduct import plot
from krawall.conduct.words import count, money, time
from krawall.web import ui
from krawall.web.pages.session_head import FAULTS, Facts

CHARTS = (
    ("latency", "Response time by second"),
    ("ttft", "Time to first token by second"),
    ("throughput", "Turns per second and users"),
    ("errors", "Errors by second"),
    ("tokens", "Tokens by second"),
    ("cost", "Cost, US dollars"),
)
"""Kind and title. What each draws is in `chart-kinds.js`."""


def over_time(facts: Facts) -> h.Node:
    """Return the charts over time. They share their cursor and their range: dragging in one, or two numbers, narrow all."""
    cap = facts.plan.scenario.budget.cost / 1e12
    names = json.dumps(FAULTS, sort_keys=True)
    return [
        h.form(".range", id="range", data_scripted=True, role="search", aria_label="Part of the time that the charts show")[
            h.span(".muted")["Seconds"],
            _second("from", "From second"),
            h.span(".muted", aria_hidden="true")["to"],
            _second("to", "To second"),
            ui.button("Show", submit=True, small=True),
            ui.button("Show the newest" if facts.live else "Show all", small=True, kind="ghost", symbol="x", key="w", more={"id": "whole", "hidden": True}),
            h.span(".muted.hint")["or drag over a chart"],
        ],
        h.div(".over-time", id="charts", data_cap=f"{cap:g}")[
            [_card(facts, kind, title, names if kind == "errors" else None) for kind, title in CHARTS],
        ],
    ]  # fmt: skip


def _second(name: str, label: str) -> h.VoidElement:
    return h.input(".input", type="number", name=name, min="0", step="1", inputmode="numeric", aria_label=label)


def _card(facts: Facts, kind: str, title: str, names: str | None) -> h.Element:
    chart = h.Element("time-chart")
    unscripted = h.noscript[
        h.p(".muted")[
            "Drawn by a script; the numbers stand under Seconds, and the report has the same charts without a script."
        ]
    ]
    inside: h.Node = h.p(".muted.none")["Waiting for the first second."] if facts.live else None
    as_table: dict[str, str | bool | None] = {
        "data-table": True,
        "data-scripted": True,
        "aria-pressed": "false",
        "aria-label": f"Table: {title}",
    }
    table = ui.button("Table", small=True, kind="ghost", more=as_table)
    return h.div(class_=f"{kind}-chart")[
        ui.card(
            title,
            chart({"kind": kind, "data-names": names})[
                h.div(".canvas", role="img", aria_label=f"{title}. The button above shows its numbers as a table.")[inside], unscripted
            ],
            aside=[h.span(".legend"), table],
        )
    ]  # fmt: skip


def seconds_tab(facts: Facts) -> h.Node:
    """Return the numbers behind the charts over time."""
    if not facts.points:
        return ui.card(
            "",
            ui.empty("No second of it is over yet." if facts.live else "No second of it was measured.", symbol="timer"),
        )
    titles = (
        "From",
        "Users",
        "Turns",
        "Errors",
        "p50",
        "p95",
        "p99",
        "First token p50",
        "First token p95",
        "Tokens out",
        "Cost",
    )
    rows = [
        ui.Row((
            f"{slot.start_s:.0f} s", count(slot.point.users), count(slot.point.turns), count(slot.point.errors),
            *("too few" if ms is None else time(ms) for ms in (slot.point.latency_p50, slot.point.latency_p95, slot.point.latency_p99, slot.point.ttft_p50, slot.point.ttft_p95)),
            count(slot.point.tokens_out), money(slot.point.cost_usd),
        ))
        for slot in plot.slots(facts.points, 120)
    ]  # fmt: skip
    columns = [ui.Column(title, number=number > 0) for number, title in enumerate(titles)]
    return ui.card(
        "The numbers behind the charts", ui.table("The numbers behind the charts", columns, rows), flush=True
    )
