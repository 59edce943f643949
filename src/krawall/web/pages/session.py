"""One session: its state, its numbers so far, why it is not getting on, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.shapes import app_of
from krawall.clock import wall_ns
from krawall.conduct.words import count, money, share, time
from krawall.errors import NotFound
from krawall.model.base import PICO_PER_USD
from krawall.model.session import Session, State, Verdict
from krawall.web import ui
from krawall.web.answers import go, show
from krawall.web.frame import Frame, frame_of
from krawall.web.pages.session_rows import duration, state_of

router = APIRouter()


@router.get("/sessions/{id}", name="web_session")
async def session(request: Request, caller: Reader, id: str) -> Response:
    """Show a session."""
    app = app_of(request)
    found, why = await app.sessions.get(id), await app.overview.diagnose(id)
    return show(request, session_page(frame_of(request), found, why, wall_ns()))


@router.post("/sessions/{id}/{deed}", name="web_session_deed")
async def session_deed(request: Request, caller: Runner, id: str, deed: str) -> Response:
    """Pause, resume, stop, cancel, restart or delete a session."""
    sessions = app_of(request).sessions
    if deed == "delete":
        await sessions.delete(id, caller.name)
        return go(request, "/sessions", "Deleted the session")
    if deed == "restart":
        started = await sessions.restart(id, caller.name)
        return go(request, f"/sessions/{started.session.id}", "Started the same plan again")
    if deed in ("pause", "resume"):
        await (sessions.pause if deed == "pause" else sessions.resume)(id, caller.name)
        return go(request, f"/sessions/{id}", "Paused" if deed == "pause" else "Resumed")
    if deed in ("stop", "cancel"):
        await sessions.stop(id, caller.name, deed == "cancel")
        return go(request, f"/sessions/{id}", "Stopping")
    raise NotFound(f"nothing is called {deed!r} at a session")


def session_page(frame: Frame, found: Session, why: Sequence[str], now_ns: int) -> h.Element:
    """Return the page of a session."""
    follow = {
        "id": "session", "class": "stack", "data-follows": f"session:{found.id}", "hx-get": f"/sessions/{found.id}", "hx-select": "#session",
        "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip
    judged = found.verdict and found.verdict is not Verdict.none
    marks = [ui.status(state_of(found)), ui.status(found.verdict.value) if found.verdict and judged else None]
    return ui.page(
        frame,
        found.name,
        h.div(follow)[
            ui.page_header(found.name, marks=marks, actions=_deeds(found) if frame.may_run else None),
            ui.notice(found.reason[:1].upper() + found.reason[1:], "warn", title="Why it ended") if found.reason else None,
            ui.notice(h.ul[[h.li[each] for each in why]], "info", title="Why nothing is happening") if why else None,
            _tiles(found, now_ns),
            ui.card(
                "What was played",
                ui.facts(
                    ("Scenario", found.scenario), ("Target", found.target), ("Asked for", [ui.when(found.created_ns, now_ns), f" by {found.actor}"]),
                    ("Seed", str(found.seed)), ("Shards", str(found.shards)), ("Plan", h.code[found.plan_hash[:16]]), ("Id", h.code[found.id]),
                ),
            ),
        ],
        ui.confirm(
            "delete", "Delete this session?", consequence=h.p["Its messages, charts and report go with it."], action=f"/sessions/{found.id}/delete",
            deed="Delete session",
        ),
        crumbs=[("Sessions", "/sessions"), (found.name, "")],
        live=True,
    )  # fmt: skip


def _tiles(found: Session, now_ns: int) -> h.Element:
    return ui.tiles(
        ui.tile("Messages", count(found.turns)),
        ui.tile("Conversations", count(found.conversations)),
        ui.tile("p95", time(found.p95_ms) if found.p95_ms is not None else "too few"),
        ui.tile("Errors", share(found.errors, found.turns), note=f"{count(found.errors)} of {count(found.turns)}"),
        ui.tile("Cost", money(found.cost_pico / PICO_PER_USD)),
        ui.tile("Duration", duration(found, now_ns) or "not begun"),
    )


def _deeds(found: Session) -> h.Node:
    base = f"/sessions/{found.id}"
    if found.state is State.finished:
        return [
            ui.button("Delete session", kind="danger", symbol="trash-2", more=ui.opens("delete")),
            ui.deed(f"{base}/restart", "Restart", kind="primary", symbol="refresh-cw"),
        ]
    paused = found.wish.paused
    return [
        found.state is State.running
        and ui.deed(
            f"{base}/{'resume' if paused else 'pause'}",
            "Resume" if paused else "Pause",
            symbol="play" if paused else "pause",
        ),
        found.wish.stop == "no" and ui.deed(f"{base}/stop", "Stop", symbol="square"),
        found.wish.stop != "now" and ui.deed(f"{base}/cancel", "Stop now", kind="danger", symbol="octagon-x"),
    ]
