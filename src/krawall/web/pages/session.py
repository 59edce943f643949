"""One session: live while it is under way, its result afterwards, its messages and conversations, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import htpy as h
import msgspec
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.archive.query import MessagePage
from krawall.clock import wall_ns
from krawall.errors import DocumentError, NotFound, Refused, Unavailable
from krawall.model.session import State
from krawall.model.summary import Picture, Point, Summary
from krawall.plugins.assemble import read_plan
from krawall.services.reading import plan_yaml
from krawall.web import ui
from krawall.web.answers import go, show
from krawall.web.frame import Frame, frame_of
from krawall.web.pages.session_charts import seconds_tab
from krawall.web.pages.session_finished import conversations_tab, overview
from krawall.web.pages.session_head import TABS, Facts, adjust_form, head, overlays
from krawall.web.pages.session_live import live, log
from krawall.web.ui.keys import Key
from krawall.web.urls import address

SCRIPTS = ("time-chart.js", "live-session.js")
KEYS: tuple[Key, ...] = (
    (("/",), (), "Search what was said and heard"),
    (("w",), (), "Show all of the time in the charts"),
)
LIVE_KEYS: tuple[Key, ...] = ((("p",), (), "Pause or resume"), (("l",), (), "Change load"), *KEYS)
PAGE = 50
MOST_POINTS = 20_000
router = APIRouter()


@router.get("/sessions/{id}", name="web_session")
async def session(request: Request, caller: Reader, id: str, tab: str = "") -> Response:
    """Show a session."""
    app, frame = app_of(request), frame_of(request)
    facts = await facts_of(app, id, tab)
    now = {
        name: value for name in ("q", "outcome", "from") if (value := request.query_params.get(name, "").strip()[:200])
    }
    if tab == "conversations":
        found = await _conversations(app, id, now)
        content: h.Node = conversations_tab(id, found.items, now, found.next)
    elif tab == "seconds":
        content = seconds_tab(facts)
    elif tab == "plan":
        content = _plan(facts)
    elif tab == "messages":
        content = ui.card("Messages", log(facts), flush=True)
    else:
        tab, content = "", live(facts) if facts.live else overview(facts)
    return show(request, session_page(frame, facts, tab, content))


async def facts_of(app: App, id: str, tab: str) -> Facts:
    """Return what a tab shows of a session."""
    found = await app.sessions.get(id)
    plan = read_plan(await app.store.sessions.plan(id))
    points = await _points(app, id) if tab == "seconds" else []
    if found.state is not State.finished:
        picture, why = await app.store.sessions.picture(id), await app.overview.diagnose(id)
        return Facts(
            found, plan, why, picture=msgspec.json.decode(picture, type=Picture) if picture else None, points=points
        )
    kept = await app.store.sessions.summary(id)
    facts = Facts(found, plan, summary=msgspec.json.decode(kept, type=Summary) if kept else None, points=points)
    if tab or facts.summary is None or not facts.summary.turns:
        return facts
    try:
        return replace(facts, spread=await app.messages.spread(id))
    except Unavailable:  # the log is gone or away; the rest of the result is not
        return facts


async def _points(app: App, id: str) -> list[Point]:
    return [msgspec.json.decode(body, type=Point) for _, body in await app.store.ticks.since(id, 0, MOST_POINTS)]


async def _conversations(app: App, id: str, now: dict[str, str]) -> MessagePage:
    start = int(now["from"]) if now.get("from", "").isdecimal() else 0
    return await app.messages.conversations(
        id, start=min(start, 2**53), limit=PAGE, outcome=now.get("outcome"), search=now.get("q", "")
    )


@router.post("/sessions/{id}/adjust", name="web_adjust_session")
async def adjust(request: Request, caller: Runner, id: str) -> Response:
    """Change the load of a running session."""
    given: dict[str, Any] = dict((await request.form()).items())
    name = "users" if "users" in given else "rate"
    text = str(given.get(name, "")).strip()
    app = app_of(request)
    try:
        if name == "users" and text.isdecimal() and int(text) <= 1_000_000:
            await app.sessions.adjust(id, caller.name, users=int(text))
        elif name == "rate" and 0 <= (rate := _number(text)) <= 1_000_000:
            await app.sessions.adjust(id, caller.name, rate=rate)
        else:
            raise DocumentError("adjust", [])
    except (DocumentError, Refused) as error:
        places = error.places if isinstance(error, DocumentError) else []
        wrong = (
            places[0].message
            if places
            else error.message
            if isinstance(error, Refused)
            else "Write a number of at most 1,000,000"
        )
        return show(
            request,
            session_page_of_form(
                frame_of(request), await facts_of(app, id, "plan"), text, wrong[:1].upper() + wrong[1:]
            ),
            422,
        )
    return go(request, f"/sessions/{id}", "Changed the load")


@router.post("/sessions/{id}/{deed}", name="web_session_deed")
async def session_deed(request: Request, caller: Runner, id: str, deed: str) -> Response:
    """Pause, resume, stop, cancel, restart or delete a session."""
    sessions = app_of(request).sessions
    if deed == "delete":
        await sessions.delete(id, caller.name)
        return go(request, "/sessions", "Deleted the session")
    if deed in ("restart", "restart-changed"):
        started = await sessions.restart(id, caller.name, as_changed=deed == "restart-changed")
        return go(request, f"/sessions/{started.session.id}", "Started the same plan again")
    if deed in ("pause", "resume"):
        await (sessions.pause if deed == "pause" else sessions.resume)(id, caller.name)
        return go(request, f"/sessions/{id}", "Paused" if deed == "pause" else "Resumed")
    if deed in ("stop", "cancel"):
        await sessions.stop(id, caller.name, deed == "cancel")
        return go(request, f"/sessions/{id}", "Stopping")
    raise NotFound(f"nothing is called {deed!r} at a session")


def session_page(frame: Frame, facts: Facts, tab: str, *content: h.Node) -> h.Element:
    """Return the page of a session: its head, its tabs, and what stands in the one that is open."""
    found = facts.session
    words = next(name for name, each in TABS if each == tab)
    tabs = [(name, address(f"/sessions/{found.id}", {"tab": each})) for name, each in TABS]
    wrapper = h.Element("live-session")
    follow = {
        "id": "session", "class": "stack", "session": found.id, "state": found.state.value, "tab": tab or None,
        "hx-get": tabs[[each for _, each in TABS].index(tab)][1], "hx-select": "#session", "hx-trigger": "renewed", "hx-swap": "outerHTML",
    }  # fmt: skip
    return ui.page(
        frame,
        found.name,
        wrapper(follow)[
            head(frame, facts),
            ui.tabs("Parts of the session", tabs, words),
            content,
            overlays(facts) if frame.may_run else None,
        ],
        crumbs=[("Sessions", "/sessions"), (found.name, "")],
        chart=True,
        sheets=["session.css"],
        scripts=[*SCRIPTS, *["log-view.js"] * (facts.live or tab == "messages")],
        keys=LIVE_KEYS if facts.live else KEYS,
    )


def session_page_of_form(frame: Frame, facts: Facts, typed: str, error: str) -> h.Element:
    """Return the form for another load with what was wrong about it, as a page for browsers without scripts."""
    return ui.page(
        frame,
        "Change load",
        ui.page_header("Change load"),
        ui.card("", adjust_form(facts, typed, error)),
        crumbs=[("Sessions", "/sessions"), (facts.session.name, f"/sessions/{facts.session.id}"), ("Change load", "")],
        sheets=["session.css"],
    )


def _plan(facts: Facts) -> h.Node:
    found, now_ns = facts.session, wall_ns()
    restart: Sequence[tuple[str, h.Node]] = (
        [("Restart of", h.a(href=f"/sessions/{found.restart_of}")[h.code[found.restart_of]])]
        if found.restart_of
        else []
    )
    return [
        ui.card(
            "What was played",
            ui.facts(
                ("Scenario", found.scenario), ("Target", found.target), ("Asked for", [ui.when(found.created_ns, now_ns), f" by {found.actor}"]),
                ("Began", ui.when(found.started_ns, now_ns, "not yet")), ("Ended", ui.when(found.finished_ns, now_ns, "not yet")),
                ("Seed", str(found.seed)), ("Engine processes", str(found.shards)), ("Plan", h.code[found.plan_hash[:16]]), ("Id", h.code[found.id]), *restart,
            ),
        ),
        ui.card("As YAML", ui.code(plan_yaml(facts.plan), label="Plan", numbered=True)),
    ]  # fmt: skip


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
