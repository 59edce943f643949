"""The dashboard: is anything running, wrong, or getting dearer? On a new installation: what to do first."""

from __future__ import annotations

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader
from krawall.api.shapes import app_of
from krawall.clock import wall_ns
from krawall.services.overview import Dashboard
from krawall.web import ui
from krawall.web.answers import is_partial, show
from krawall.web.frame import Frame, live_frame_of
from krawall.web.pages.activity import activity
from krawall.web.pages.dashboard_day import day
from krawall.web.pages.dashboard_live import live_card, none_alive, workers_card
from krawall.web.pages.session_form import Offer, quick_execute
from krawall.web.pages.session_start import offer_of
from krawall.web.ui.icons import Icon

LIVE = "live"
router = APIRouter()


@router.get("/", name="web_dashboard")
async def dashboard(request: Request, caller: Reader, part: str = "") -> Response:
    """Show the dashboard, or with `part=live` to a page that has the rest the sessions under way alone."""
    app = app_of(request)
    if part == LIVE and is_partial(request):
        return show(request, live_card(await app.overview.live(), wall_ns()))
    frame = await live_frame_of(request)
    found, offer = await app.overview.dashboard(), await offer_of(app)
    played = found.live or found.day.sessions or (await app.store.sessions.list(limit=1)).items
    done = (bool(offer.targets), bool(offer.scenarios), bool(played))
    return show(request, dashboard_page(frame, found, done, wall_ns(), offer if done[0] else None))


def dashboard_page(
    frame: Frame, found: Dashboard, done: tuple[bool, bool, bool], now_ns: int, offer: Offer | None = None
) -> h.Element:
    """Return the dashboard. `done`: whether there is a target, a scenario, a session. `offer`: what can be played at once."""
    follow = {
        "id": "now", "class": "stack", "data-follows": "session: target: scenario: worker:", "hx-get": "/", "hx-select": "#now",
        "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip
    played = done[2]
    return ui.page(
        frame,
        "Dashboard",
        ui.page_header(
            "Dashboard",
            marks=h.span(".stale", id="away", role="status"),
            actions=ui.button("New target", symbol="plus", href="/targets/new", key="n")
            if frame.may_run and done[0]
            else None,
        ),
        quick_execute(offer) if offer and frame.may_run else None,
        h.div(follow)[
            none_alive(found) if played else None,
            None if all(done) else _first_steps(done, frame.may_run),
            None if played else none_alive(found),
            live_card(found.live, now_ns) if played else None,
            day(found) if played else None,
            h.div(".cols")[
                h.div(".stack")[
                    _failing(found, now_ns) if played else None,
                    workers_card(found, now_ns),
                    _schedules() if played else None,
                ],
                ui.card("Activity", activity(found.recent, found.names, now_ns)),
            ],
        ],
        live=True,
    )


def _first_steps(done: tuple[bool, bool, bool], may_run: bool) -> h.Element:
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
                    not ready
                    and may_run
                    and ui.button(
                        label,
                        kind="primary" if number == next_step else "plain",
                        href=href,
                        key="" if done[0] else "n" * (number == 0),
                    ),
                ]
                for number, (ready, (title, about, symbol, label, href)) in enumerate(zip(done, steps, strict=True))
            ]
        ],
        aside=[h.span[f"{sum(done)} of 3 done"]],
    )


def _failing(found: Dashboard, now_ns: int) -> h.Element:
    if not found.failing:
        return ui.card(
            "Failing targets",
            ui.empty("No session failed, was aborted or missed a threshold in 24 hours.", symbol="circle-check"),
        )
    columns = [ui.Column("Target", wide=True), ui.Column("Bad sessions", number=True), ui.Column("Newest", number=True)]
    rows = [
        ui.Row(
            (each.target, f"{each.bad} of {each.sessions}", ui.when(each.newest_ns, now_ns)),
            href=f"/sessions?target={each.target}",
        )
        for each in found.failing
    ]
    return ui.card(
        "Failing targets",
        ui.table("Failing targets", columns, rows),
        flush=True,
        aside=[h.span["in 24 hours"]],
    )


def _schedules() -> h.Element:
    return ui.card("Next schedules", h.p(".muted")["Nothing is scheduled: every session here is started by somebody."])
