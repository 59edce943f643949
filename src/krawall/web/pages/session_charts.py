"""Charts over time: a `<time-chart>` each, which the page's script draws and feeds; and what stands there without it."""

from __future__ import annotations

import htpy as h

from krawall.conduct import plot
from krawall.conduct.words import count, money, time
from krawall.web import ui
from krawall.web.pages.session_head import Facts

CHARTS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("latency", "Response time, by second", (("p50", "p50"), ("p95", "p95"), ("p99", "p99"))),
    ("ttft", "Time to first token, by second", (("p50", "p50"), ("p95", "p95"))),
    ("throughput", "Turns per second and users", (("Turns per second, left", "1"), ("Users, right", "2"))),
    ("errors", "Errors, by second", (("Errors", "2"),)),
    ("cost", "Cost so far, US dollars", (("Spent", "1"), ("Cap", "2"))),
)
"""Kind, title, and name and colour of each line."""


def over_time(facts: Facts) -> h.Element:
    """Return the charts over time. They share their cursor; dragging zooms all of them."""
    cap = facts.plan.scenario.budget.cost / 1e12
    return h.div(".over-time", id="charts", data_cap=f"{cap:g}")[
        [_card(facts, kind, title, lines, cap) for kind, title, lines in CHARTS],
    ]


def _card(facts: Facts, kind: str, title: str, lines: tuple[tuple[str, str], ...], cap: float) -> h.Element:
    legend = h.span(".legend")[
        [h.span[h.i(class_=f"s-{paint}"), _named(facts, kind, name, cap)] for name, paint in lines]
    ]
    told = "Its numbers stand under Seconds." if not facts.live else "The newest numbers are in the tiles above."
    chart = h.Element("time-chart")
    unscripted = h.noscript[h.p(".muted")["Drawn by a script; the report has the same charts without one."]]
    inside: h.Node = h.p(".muted.none")["Waiting for the first second."] if facts.live else None
    return h.div(class_=f"{kind}-chart")[
        ui.card(
            title,
            chart(kind=kind, role="img", aria_label=f"{title}. {told}")[inside, unscripted],
            aside=legend,
        )
    ]


def _named(facts: Facts, kind: str, name: str, cap: float) -> str:
    """Return what the legend calls a line: a percentile that no second has turns enough for says so, the cap says how much."""
    if name == "Cap":
        return f"Cap {money(cap)}, drawn once it is near"
    if (
        not facts.live
        and kind in ("latency", "ttft")
        and all(getattr(p, f"{kind}_{name}") is None for p in facts.points)
    ):
        return f"{name}: too few turns a second"
    return name


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
