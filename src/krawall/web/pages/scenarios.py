"""Scenarios: which conversations there are. The list, and the templates to begin from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.shapes import app_of
from krawall.clock import wall_ns
from krawall.errors import Conflict
from krawall.model.kept import DocumentKind, Kept
from krawall.model.session import Session
from krawall.services.catalogue import TemplateInfo
from krawall.services.documents import to_yaml
from krawall.web import ui
from krawall.web.answers import go, show
from krawall.web.frame import Frame, frame_of
from krawall.web.ui.icons import Icon
from krawall.web.urls import address

KIND = DocumentKind.scenario
PAGE = 50
SYMBOLS: dict[str, Icon] = {
    "stress": "zap", "edge case": "circle-help", "context": "layers", "performance": "timer", "logic": "git-branch",
    "cost": "chart-column", "attack surface": "octagon-x",
}  # fmt: skip
router = APIRouter()


@router.get("/scenarios", name="web_scenarios")
async def scenarios(request: Request, caller: Reader, q: str = "", cursor: str | None = None) -> Response:
    """Show the list and the templates."""
    app = app_of(request)
    found = await app.documents.list(KIND, search=q.strip()[:200], cursor=cursor, limit=PAGE)
    last = {session.scenario: session for session in reversed((await app.store.sessions.list(limit=200)).items)}
    frame = frame_of(request)
    page = scenarios_page(frame, found.items, app.scenarios.templates(), last, q, cursor, found.next, wall_ns())
    return show(request, page)


@router.get("/scenarios/{id}", name="web_scenario")
async def scenario(request: Request, caller: Reader, id: str) -> Response:
    """Show a scenario as it is written."""
    kept = await app_of(request).documents.get(KIND, id)
    return show(request, scenario_page(frame_of(request), kept))


@router.post("/scenarios/from/{template}", name="web_scenario_from_template")
async def from_template(request: Request, caller: Runner, template: str) -> Response:
    """Keep a scenario that begins as a template does."""
    app = app_of(request)
    made = app.scenarios.template(template)
    names = [made.info.title, *(f"{made.info.title} {number}" for number in range(2, 100))]
    for name in names:
        try:
            kept = await app.documents.create(KIND, made.body, caller.name, f"from the template {template}", name=name)
        except Conflict:
            continue
        return go(request, f"/scenarios/{kept.id}", f"Made {kept.name}")
    raise Conflict(f"there are too many scenarios called {made.info.title!r}")


def scenarios_page(
    frame: Frame, found: Sequence[Kept], templates: Sequence[TemplateInfo], last: dict[str, Session],
    q: str, cursor: str | None, following: str | None, now_ns: int,
) -> h.Element:  # fmt: skip
    """Return the list of scenarios, then the templates."""
    some = bool(found or q or cursor)
    return ui.page(
        frame,
        "Scenarios",
        ui.page_header(
            "Scenarios", about="Conversations with chatbots: what is said, in what order, and what has to come back."
        ),
        _filters(q) if some else None,
        _list(found, last, q, cursor, following, now_ns) if some else None,
        h.section(".stack", aria_labelledby="templates")[
            h.h2(id="templates")["Templates" if some else "Begin with a template"],
            h.ul(".shelf")[[_template(frame, each) for each in templates]],
        ],
        live=True,
    )


def _filters(q: str) -> h.Element:
    return h.form(
        ".filters", method="get", action="/scenarios", role="search", aria_label="Filter scenarios", data_filters=True
    )[
        ui.field("Name", "q", q, kind="search", more={"data-key": "/"}),
        ui.button("Filter", submit=True),
    ]


def _list(
    found: Sequence[Kept], last: dict[str, Session], q: str, cursor: str | None, following: str | None, now_ns: int
) -> h.Element:
    if not found:
        return ui.card(
            "",
            ui.empty("No scenario is called so.", ui.button("Clear filters", symbol="x", href="/scenarios"), "search"),
        )
    columns = [
        ui.Column("Name", wide=True),
        ui.Column("Category"),
        ui.Column("Steps", number=True),
        ui.Column("Last session"),
        ui.Column("Changed", number=True),
    ]
    rows = [
        ui.Row(
            (each.name, _category(each.body), str(steps_in(each.body.get("steps"))), _last(last.get(each.name)), ui.when(each.updated_ns, now_ns)),
            href=f"/scenarios/{each.id}", id=each.id,
        )
        for each in found
    ]  # fmt: skip
    pager = ui.pager(
        address("/scenarios", {"q": q}) if cursor else "",
        address("/scenarios", {"q": q}, {"cursor": following}) if following else "",
        f"{len(found)} scenarios",
    )
    follow = {
        "id": "list", "data-follows": "scenario:", "hx-get": address("/scenarios", {"q": q}, {"cursor": cursor}), "hx-select": "#list",
        "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip
    return h.div(follow)[ui.card("", ui.table("Scenarios", columns, rows), pager, flush=True)]


def _category(body: dict[str, Any]) -> h.Node:
    return ui.badge(str(body.get("category", "other")).capitalize())


def _last(session: Session | None) -> h.Node:
    return ui.status(session.outcome or session.state) if session else h.span(".muted")["never"]


def _template(frame: Frame, info: TemplateInfo) -> h.Element:
    messages = f"{info.messages:g} message{'s' if info.messages != 1 else ''}" + (
        "" if info.messages == info.most else " on average"
    )
    return h.li[
        ui.card(
            "",
            h.div(".offer")[
                h.div(".row")[h.span(".chip")[ui.icon(SYMBOLS.get(info.category, "message-square"))], h.h3[info.title]],
                h.p(".muted")[info.description],
                h.div(".foot")[
                    h.span(".row")[ui.badge(info.category.capitalize()), h.small(".muted")[messages]],
                    ui.deed(f"/scenarios/from/{info.name}", "Use", small=True, symbol="plus")
                    if frame.may_run
                    else None,
                ],
            ],
        )
    ]


def steps_in(steps: Any) -> int:
    """Return how many steps there are, those inside of others too."""
    if not isinstance(steps, list):
        return 0
    inner = (value for step in steps if isinstance(step, dict) for value in step.values())
    return len(steps) + sum(_within(value) for value in inner)


def _within(value: Any) -> int:
    if isinstance(value, list) and value and all(isinstance(each, dict) and "steps" in each for each in value):
        return sum(steps_in(each["steps"]) for each in value)  # the branches of a choice
    return (
        steps_in(value)
        if isinstance(value, list) and all(isinstance(each, dict | str) for each in value) and _are_steps(value)
        else 0
    )


def _are_steps(value: list[Any]) -> bool:
    kinds = {"message", "delay", "loop", "if", "conditional", "expect", "set", "choose", "persona", "end"}
    return any(isinstance(each, dict) and kinds & each.keys() for each in value)


def scenario_page(frame: Frame, kept: Kept) -> h.Element:
    """Return a scenario as it is written."""
    return ui.page(
        frame,
        kept.name,
        ui.page_header(kept.name, about=str(kept.body.get("description") or "") or None, marks=_category(kept.body)),
        ui.card("As it is written", ui.code(to_yaml(kept), label="Scenario", numbered=True)),
        crumbs=[("Scenarios", "/scenarios"), (kept.name, "")],
    )
