"""What the palette finds on the server: targets, scenarios and sessions by their names."""

from __future__ import annotations

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader
from krawall.api.shapes import app_of
from krawall.model.kept import DocumentKind, Kept
from krawall.model.session import Session
from krawall.web.answers import show
from krawall.web.ui.marks import WORDS
from krawall.web.ui.palette import FOUND, Found, group

EACH = 5
router = APIRouter()


@router.get(FOUND, name="web_palette")
async def palette(request: Request, caller: Reader, q: str = "") -> Response:
    """Show what has these letters in its name; without letters, the newest sessions."""
    app, letters = app_of(request), q.strip()[:100]
    targets: list[Kept] = []
    scenarios: list[Kept] = []
    if letters:
        targets = (await app.documents.list(DocumentKind.target, search=letters, limit=EACH)).items
        scenarios = (await app.documents.list(DocumentKind.scenario, search=letters, limit=EACH)).items
    sessions = (await app.store.sessions.list(search=letters, limit=EACH)).items
    return show(request, found(targets, scenarios, sessions))


def found(targets: list[Kept], scenarios: list[Kept], sessions: list[Session]) -> h.Node:
    """Return what was found, by kind."""
    return [
        group("Targets", [Found(kept.name, f"/targets/{kept.id}", "crosshair") for kept in targets]),
        group("Scenarios", [Found(kept.name, f"/scenarios/{kept.id}", "workflow") for kept in scenarios]),
        group("Sessions", [Found(each.name, f"/sessions/{each.id}", "play", _state(each)) for each in sessions]),
    ]


def _state(session: Session) -> str:
    word = session.outcome or session.state
    return f"{session.target} · {WORDS.get(word, (str(word), ''))[0]}"
