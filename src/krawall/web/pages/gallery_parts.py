"""The parts of the gallery that show data and text: tiles, tables, notices, code, toasts, empty places."""

from __future__ import annotations

from typing import Literal

import htpy as h

from krawall.web import ui

_DIFF = """--- revision 3
+++ revision 4
@@ -2,4 +2,4 @@
 preset: openai-chat
-url: http://127.0.0.1:8010/v1/chat/completions
+url: http://127.0.0.1:8011/v1/chat/completions
 stream: true"""
_YAML = """krawall: 1
name: Late parcel
steps:
  - message: "My parcel {{ data.order }} is late."
    expect: [{contains: "{{ data.order }}"}, {ttft: < 2s}]
  - delay: 1s..4s"""
_ROWS = (
    ("ses_01", "Late parcel", "running", "Support bot", "1,115 ms", "3 of 812", "$1.03"),
    (
        "ses_02",
        "A name that is long enough to need two lines before anything of it is cut",
        "completed",
        "Shop bot",
        "664 ms",
        "0 of 96",
        "$0.84",
    ),
    ("ses_03", "Context growth", "failed", "Shop bot", "too few", "12 of 14", "$0.0031"),
    ("ses_04", "Polite persistence", "queued", "Support bot", "", "", ""),
)


def data_parts(now_ns: int) -> h.Node:
    """Return tiles, a bar, a table, facts and a feed."""
    return [
        ui.tiles(
            ui.tile("Messages", "12,480", delta=ui.Delta("18 %", True, "higher")),
            ui.tile("Throughput", "16.1", "/s"),
            ui.tile("p95", "1,115", "ms", delta=ui.Delta("9 %", True, "lower")),
            ui.tile("First token", "124", "ms", delta=ui.Delta("31 %", False, "lower")),
            ui.tile("Errors", "1.47", "%", note="12 of 814"),
            ui.tile("Cost", "$1.03", note="of $2.00 at most"),
            ui.tile("p99", "too few", note="needs 100 replies"),
        ),
        h.div[ui.progress(41, 100, "Progress of the session")],
        ui.card("Sessions", table(now_ns), flush=True, aside=[h.span["4 of 4"]]),
        h.div(".cols")[
            ui.card(
                "Facts",
                ui.facts(
                    ("Address", h.code["http://127.0.0.1:8010/v1/chat/completions"]),
                    ("Sign in", "Bearer, from BOT_KEY"),
                    ("Prices", "$0.15 in, $0.60 out, per million tokens"),
                ),
            ),
            ui.card(
                "Activity",
                h.ul(".feed")[
                    h.li[
                        ui.icon("circle-check"),
                        h.span(".words")["Late parcel passed"],
                        ui.when(now_ns - 65_000_000_000, now_ns),
                    ],
                    h.li[
                        ui.icon("pencil"),
                        h.span(".words")["ada changed Support bot"],
                        ui.when(now_ns - 7_265_000_000_000, now_ns),
                    ],
                ],
            ),
        ],
    ]


def table(now_ns: int) -> h.Element:
    """Return a table with an order, links, numbers and a menu in each row."""
    columns = (
        ui.Column("Name", "name", wide=True), ui.Column("Status"), ui.Column("Target", "target"), ui.Column("p95", "p95", number=True),
        ui.Column("Errors", "errors", number=True), ui.Column("Cost", "cost", number=True), ui.Column("Started", "started", number=True),
    )  # fmt: skip
    rows = [
        ui.Row(
            (name, ui.status(state), target, p95, errors, cost, ui.when(now_ns - 40_000_000_000 * (place + 1) ** 4, now_ns)),
            href=f"/gallery#{id}", id=id, actions=ui.menu(f"menu-{id}", f"Actions for {name}", _items(), small=True),
        )
        for place, (id, name, state, target, p95, errors, cost) in enumerate(_ROWS)
    ]  # fmt: skip
    return ui.table("Sessions", columns, rows, sort="-started", link=lambda key: f"/gallery?sort={key}", actions=True)


def _items() -> list[ui.Item | None]:
    return [
        ui.Item("Restart", "refresh-cw", action="/gallery"),
        ui.Item("Export", "download", href="/gallery"),
        None,
        ui.Item("Delete session", "trash-2", opens="example-confirm", danger=True),
    ]


def text_parts(tab: str) -> h.Node:
    """Return notices, tabs, code and a difference."""
    return [
        h.div(".stack")[
            ui.notice(
                "No worker is alive, so nothing plays.",
                "warn",
                ui.button("Show workers", small=True),
                title="Sessions wait",
            ),
            ui.notice("The host is on a private address. Say once that you operate it."),
            ui.notice(
                "The generator was the bottleneck: its loop was late by 180 ms.",
                "bad",
                title="Do not trust these numbers",
            ),
            ui.notice("All 4 thresholds held.", "ok"),
        ],
        ui.tabs(
            "Parts of the scenario",
            [(words, f"/gallery?tab={words}") for words in ("Fields", "YAML", "Revisions")],
            tab,
        ),
        h.div(".cols")[
            ui.card("Code", ui.code(_YAML, label="Scenario", numbered=True)),
            ui.card("What changed", ui.difference(_DIFF)),
        ],
    ]


def alone() -> h.Node:
    """Return empty places and toasts as they stand by themselves."""
    tones: tuple[tuple[str, Literal["ok", "bad", "info"]], ...] = (
        ("Saved Support bot", "ok"), ("The server does not answer", "bad"), ("Two sessions are under way", "info"),
    )  # fmt: skip
    return [
        h.div(".cols")[
            ui.card(
                "Nothing yet",
                ui.empty(
                    "A target is a chatbot that you test: its address, how to sign in, where its words stand.",
                    ui.button("New target", kind="primary", symbol="plus"), "crosshair", "No targets yet",
                ),
            ),
            ui.card("Nothing left by the filter", ui.empty("No session is called so.", ui.button("Clear filters", symbol="x"), "search")),
        ],
        ui.card("Toasts", h.div(".stack.narrow")[[ui.toast(text, tone) for text, tone in tones]]),
    ]  # fmt: skip
