"""The dashboard: is anything running, wrong, or getting dearer? On a new installation: what to do first."""

from __future__ import annotations

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader
from krawall.api.shapes import app_of
from krawall.clock import wall_ns
from krawall.conduct.words import count, money, share, time
from krawall.model.base import PICO_PER_USD
from krawall.model.kept import DocumentKind
from krawall.model.session import Session
from krawall.services.overview import Dashboard, alive
from krawall.web import ui
from krawall.web.answers import show
from krawall.web.frame import Frame, frame_of
from krawall.web.pages.activity import activity
from krawall.web.pages.session_form import Offer, quick_execute
from krawall.web.pages.session_rows import duration, state_of
from krawall.web.pages.session_start import offer_of
from krawall.web.ui.icons import Icon

router = APIRouter()


@router.get("/", name="web_dashboard")
async def dashboard(request: Request, caller: Reader) -> Response:
    """Show the dashboard."""
    app = app_of(request)
    found = await app.overview.dashboard()
    any_session = bool(found.live or found.day.sessions or (await app.store.sessions.list(limit=1)).items)
    have = {
        kind: bool((await app.documents.list(kind, limit=1)).items)
        for kind in (DocumentKind.target, DocumentKind.scenario)
    }
    done = (have[DocumentKind.target], have[DocumentKind.scenario], any_session)
    offer = await offer_of(app) if done[0] else None
    return show(request, dashboard_page(frame_of(request), found, done, wall_ns(), offer))


def dashboard_page(
    frame: Frame, found: Dashboard, done: tuple[bool, bool, bool], now_ns: int, offer: Offer | None = None
) -> h.Element:
    """Return the dashboard. `done`: whether there is a target, a scenario, a session. `offer`: what can be played at once."""
    follow = {
        "id": "now", "class": "stack", "data-follows": "session: target: scenario: worker:", "hx-get": "/", "hx-select": "#now",
        "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip
    return ui.page(
        frame,
        "Dashboard",
        ui.page_header(
            "Dashboard",
            actions=ui.button("New target", symbol="plus", href="/targets/new", key="n") if frame.may_run else None,
        ),
        quick_execute(offer) if offer and frame.may_run else None,
        h.div(follow)[
            _workers(found),
            None if all(done) else _first_steps(done),
            _live(found.live, now_ns) if found.live or all(done) else None,
            _day(found) if done[2] else None,
            h.div(".cols")[
                _failing(found, now_ns) if done[2] else None, ui.card("Activity", activity(found.recent, now_ns))
            ],
        ],
        live=True,
    )


def _workers(found: Dashboard) -> h.Node:
    if alive(found.workers):
        return None
    return ui.notice(
        [
            "Sessions wait until one is there. Start one with ",
            h.code["krawall worker"],
            ", or let ",
            h.code["krawall serve"],
            " have its own.",
        ],
        "warn",
        title="No worker is alive",
    )


def _first_steps(done: tuple[bool, bool, bool]) -> h.Element:
    steps: tuple[tuple[str, str, Icon, str, str], ...] = (
        (
            "Say which chatbot",
            "Its address and how to sign in. The built-in mock bot needs neither a key nor money.",
            "crosshair",
            "New target",
            "/targets/new?preset=mock",
        ),
        (
            "Say what to talk about",
            "Twelve templates in seven categories are a good beginning.",
            "workflow",
            "Choose a template",
            "/scenarios",
        ),
        ("Play it", "Watch it live, then read the verdict with its reasons.", "play", "New session", "/sessions/new"),
    )
    next_step = done.index(False)
    return ui.card(
        "First steps",
        h.ol(".first")[
            [
                h.li(class_="done" if ready else "next" if number == next_step else None)[
                    h.span(".chip")[ui.icon("check" if ready else symbol)],
                    h.div(".words")[h.h3[title, ready and h.span(".sr")[" (done)"]], h.p(".muted")[about]],
                    None if ready else ui.button(label, kind="primary" if number == next_step else "plain", href=href),
                ]
                for number, (ready, (title, about, symbol, label, href)) in enumerate(zip(done, steps, strict=True))
            ]
        ],
        aside=[h.span[f"{sum(done)} of 3 done"]],
    )


def _live(live: list[Session], now_ns: int) -> h.Element:
    if not live:
        return ui.card("Live sessions", ui.empty("Nothing is running.", symbol="play"))
    columns = [
        ui.Column("Name", wide=True), ui.Column("Status"), ui.Column("Target"), ui.Column("p95", number=True), ui.Column("Errors", number=True),
        ui.Column("Cost", number=True), ui.Column("For", number=True),
    ]  # fmt: skip
    rows = [
        ui.Row(
            (
                each.name, ui.status(state_of(each)), each.target, time(each.p95_ms) if each.p95_ms is not None else "",
                f"{count(each.errors)} of {count(each.turns)}", money(each.cost_pico / PICO_PER_USD), duration(each, now_ns),
            ),
            href=f"/sessions/{each.id}", id=f"live-{each.id}",
        )
        for each in live
    ]  # fmt: skip
    return ui.card(
        "Live sessions", ui.table("Live sessions", columns, rows), flush=True, aside=[h.span[f"{len(live)} under way"]]
    )


def _day(found: Dashboard) -> h.Element:
    day, before = found.day, found.day_before
    cost, cost_before = day.cost_pico / PICO_PER_USD, before.cost_pico / PICO_PER_USD
    errors = day.errors / day.turns if day.turns else 0.0
    errors_before = before.errors / before.turns if before.turns else 0.0
    passed, judged = day.verdicts.get("passed", 0), sum(day.verdicts.values()) - day.verdicts.get("none", 0)
    return h.section(".stack", aria_label="Last 24 hours")[
        h.div(".row")[h.h2["Last 24 hours"], h.span(".muted")["against the 24 before"]],
        ui.tiles(
            ui.tile("Sessions", count(day.sessions), delta=_delta(day.sessions, before.sessions)),
            ui.tile("Conversations", count(day.conversations), delta=_delta(day.conversations, before.conversations)),
            ui.tile("Messages", count(day.turns), delta=_delta(day.turns, before.turns)),
            ui.tile(
                "Errors",
                share(day.errors, day.turns),
                note=f"{count(day.errors)} of {count(day.turns)}",
                delta=_delta(errors, errors_before, "lower"),
            ),
            ui.tile("Cost", money(cost), delta=_delta(cost, cost_before, "lower")),
            ui.tile("Passed", f"{count(passed)}", note=f"of {count(judged)} judged"),
            ui.tile("Active jobs", count(found.active_jobs), note=f"{len(alive(found.workers))} workers alive"),
        ),
    ]


def _delta(now: float, before: float, better: ui.Better = "neither") -> ui.Delta | None:
    """Return the change, when there was something before and it is more than nothing."""
    if not before or abs(now - before) / before < 0.005:
        return None
    return ui.Delta(f"{abs(now - before) / before:.0%}".replace("%", " %"), now > before, better)


def _failing(found: Dashboard, now_ns: int) -> h.Element:
    if not found.failing:
        return ui.card(
            "Failing targets",
            ui.empty("No session failed, was aborted or missed a threshold in 24 hours.", symbol="circle-check"),
        )
    columns = [ui.Column("Target", wide=True), ui.Column("Bad", number=True), ui.Column("Newest", number=True)]
    rows = [
        ui.Row(
            (each.target, f"{each.bad} of {each.sessions}", ui.when(each.newest_ns, now_ns)),
            href=f"/sessions?target={each.target}",
        )
        for each in found.failing
    ]
    return ui.card("Failing targets", ui.table("Failing targets", columns, rows), flush=True)
