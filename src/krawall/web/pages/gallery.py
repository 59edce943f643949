"""Every component in every state, on one page: what a change to the design is looked at with. Holds no data of an installation."""

from __future__ import annotations

from datetime import UTC, datetime

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader
from krawall.web import ui
from krawall.web.answers import go, show
from krawall.web.frame import Frame, frame_of
from krawall.web.pages.gallery_parts import alone, data_parts, text_parts
from krawall.web.ui.marks import WORDS
from krawall.web.ui.overlays import confirm

router = APIRouter()
NOW_NS = int(datetime(2026, 11, 23, 9, 0, tzinfo=UTC).timestamp()) * 1_000_000_000


@router.get("/gallery", name="web_gallery")
async def gallery(request: Request, caller: Reader) -> Response:
    """Show every component."""
    return show(request, gallery_page(frame_of(request), request.query_params.get("tab", "Fields")))


@router.post("/gallery", name="web_gallery_form")
async def gallery_form(request: Request, caller: Reader) -> Response:
    """Answer the form of the gallery as forms answer: errors in its place, or on to the next page."""
    given = await request.form()
    name = str(given.get("name", ""))
    if name:
        return go(request, "/gallery", f"Saved {name}")
    return show(request, example_form({"name": "Give the target a name"}), 422)


def gallery_page(frame: Frame, tab: str) -> h.Element:
    """Return the gallery."""
    return ui.page(
        frame,
        "Components",
        ui.page_header(
            "Components",
            about="Each in every state. What is wrong here is wrong on every page.",
            marks=ui.badge("Gallery", "accent"),
            actions=[
                ui.button("Open dialog", more=ui.opens("example-dialog")),
                ui.button("Delete target", kind="danger", symbol="trash-2", more=ui.opens("example-confirm")),
                ui.button("New target", kind="primary", symbol="plus", key="n", href="/gallery?tab=Fields#f-name"),
            ],
        ),
        _buttons(),
        _marks(),
        data_parts(NOW_NS),
        h.div(".cols")[_fields(), _form()],
        text_parts(tab),
        alone(),
        _overlays(),
        crumbs=[("System", ""), ("Components", "")],
    )


def _buttons() -> h.Element:
    return ui.card(
        "Buttons",
        h.div(".stack")[
            h.div(".row")[
                ui.button("Save scenario", kind="primary", symbol="save"),
                ui.button("Test connection", symbol="plug"),
                ui.button("Skip", kind="ghost"),
                ui.button("Delete target", kind="danger", symbol="trash-2"),
                ui.button("Copy", symbol="copy", bare=True),
                ui.button("Move up", symbol="arrow-up", bare=True, kind="ghost"),
            ],
            h.div(".row")[
                ui.button("Run", kind="primary", small=True, symbol="play"),
                ui.button("Pause", small=True, symbol="pause"),
                ui.button("Clear filters", small=True, kind="ghost"),
                ui.button("Stop now", small=True, kind="danger", symbol="octagon-x"),
                ui.button("More", symbol="ellipsis", bare=True, small=True),
            ],
            h.div(".row")[
                ui.button("Run", kind="primary", disabled_because="Choose a target first"),
                ui.button("Compare", symbol="git-compare", disabled_because="Choose two sessions"),
            ],
        ],
    )


def _marks() -> h.Element:
    return ui.card(
        "Badges, states and tooltips",
        h.div(".stack")[
            h.div(".row")[[ui.status(word) for word in WORDS]],
            h.div(".row")[
                ui.badge("Draft"),
                ui.badge("4 of 4 checks", "ok", "check"),
                ui.badge("12 errors", "bad", "circle-alert"),
                ui.badge("Slow", "warn"),
                ui.badge("Live", "info"),
                ui.badge("New", "accent"),
            ],
            h.p[
                "The ",
                ui.tooltip("p95", "95 of 100 replies were at least this quick"),
                " was measured ",
                ui.when(NOW_NS - 192_000_000_000, NOW_NS),
                "; the schedule begins ",
                ui.when(NOW_NS + 7_300_000_000_000, NOW_NS),
                ".",
            ],
        ],
    )


def _fields() -> h.Element:
    return ui.card(
        "Fields",
        h.div(".form")[
            ui.field(
                "Address", "url", "http://127.0.0.1:8010/v1/chat/completions", kind="url", required=True, code=True
            ),
            ui.field("Model", "model", help="As the provider calls it, such as small-2."),
            ui.field("Output tokens", "tokens", "40O", kind="number", error="Must be a whole number", required=True),
            ui.select(
                "Connector", "connector", [("http", "HTTP"), ("sse", "Server-sent events")], "sse", required=True
            ),
            ui.select("Category", "category", [("", "Choose one")], error="Choose a category", required=True),
            ui.field(
                "Host", "host", "bot.internal", disabled_because="Sessions that are under way use it", required=True
            ),
            ui.field("System prompt", "system", "You work for a parcel service.", kind="area", rows=3),
            ui.switch("Streams its replies", "stream", True, help="First token times need it."),
            ui.switch("Keep bodies", "bodies", False),
        ],
    )


def _form() -> h.Element:
    return ui.card("A form", example_form({}))


def example_form(errors: dict[str, str]) -> h.Element:
    """Return the form of the gallery, with what was wrong about it."""
    return ui.form(
        "/gallery",
        h.div(".form")[
            ui.problems(["The host is a reference, so nobody can confirm it"], focus=False) if not errors else None,
            ui.field("Name", "name", error=errors.get("name", ""), required=True),
            ui.choices(
                "Preset",
                "preset",
                [
                    ui.Choice("mock", "Mock bot", "Krawall's own, needs no key", "bot"),
                    ui.Choice("chat", "Chat completions", "The dialect that most servers speak", "message-square"),
                    ui.Choice("socket", "WebSocket", "Frames over one connection", "zap"),
                    ui.Choice("custom", "Anything over HTTP", "You say where things stand", "sliders-horizontal"),
                ],
                "mock",
            ),
            h.footer[
                ui.button("Save target", kind="primary", symbol="save", submit=True),
                ui.button("Cancel", href="/gallery"),
            ],
        ],
        id="example-form",
    )


def _overlays() -> h.Node:
    return [
        ui.dialog(
            "example-dialog",
            "Duplicate target",
            ui.field("Name of the copy", "copy", "Support bot 2", required=True),
            about="The copy has the same address and mapping. Nobody has confirmed its host.",
            actions=[
                ui.button("Cancel", more={"commandfor": "example-dialog", "command": "close"}),
                ui.button("Duplicate target", kind="primary"),
            ],
        ),
        confirm(
            "example-confirm",
            "Delete Support bot?",
            consequence=h.p["Its 4 revisions go with it. Sessions keep what they were started with."],
            action="/gallery",
            deed="Delete target",
        ),
    ]
