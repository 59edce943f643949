"""Targets: which chatbots are tested, and whether they answer. List, form, connection test, revisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import htpy as h
from fastapi import APIRouter, Form, Query, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.clock import wall_ns
from krawall.errors import Conflict, DocumentError, Forbidden, KrawallError, NotFound, Place
from krawall.model.account import Caller
from krawall.model.kept import DocumentKind, Kept
from krawall.web.answers import go, show
from krawall.web.frame import frame_of, live_frame_of
from krawall.web.pages.target_drafts import (
    body_in,
    credentials,
    draft_of,
    held_by,
    reads_of,
    seal,
    values_from,
    values_in,
)
from krawall.web.pages.target_edit import form_page
from krawall.web.pages.target_list import Listed, list_page
from krawall.web.pages.target_revisions import revisions_tab
from krawall.web.pages.target_views import Shown, duplicate_page, host_to_confirm, target_page
from krawall.web.presets import preset_of

KIND = DocumentKind.target
PAGE = 50
router = APIRouter()


@router.get("/targets", name="web_targets")
async def targets(
    request: Request, caller: Reader, q: str = "", cursor: str | None = None, archived: bool = False
) -> Response:
    """Show the list."""
    app, frame = app_of(request), await live_frame_of(request)
    found = await app.documents.list(KIND, search=q.strip()[:200], cursor=cursor, limit=PAGE, archived=archived)
    checks = await _checks(app)
    last = {session.target: session for session in reversed((await app.store.sessions.list(limit=200)).items)}
    rows = [Listed(kept, checks.get(kept.id), last.get(kept.name)) for kept in found.items]
    return show(request, list_page(frame, rows, q, archived, cursor, found.next, wall_ns()))


async def _checks(app: App) -> dict[str, Any]:
    """Return the last connection test of each target, as far as the newest events tell."""
    found = await app.store.events.list(types=["target.tested"], limit=200)
    return {event.body.target: event for event in reversed(found.items) if hasattr(event.body, "target")}


@router.get("/targets/new", name="web_new_target")
async def new_target(
    request: Request, caller: Runner, preset: str = "", held: Annotated[str, Query(alias="from")] = ""
) -> Response:
    """Show the form of a new target: its preset first. `from`: a test or a recognition that knows what was typed."""
    found = app_of(request).targets.held.get(held) if held else None
    values = {"preset": preset, "stream": "yes"} if preset_of(preset) else {}
    draft = draft_of(found.typed if found and found.typed else values, None, found)
    return show(request, form_page(frame_of(request), draft, await credentials(request)))


@router.post("/targets/new", name="web_create_target")
async def create_target(request: Request, caller: Runner) -> Response:
    """Keep a new target."""
    values = await values_in(request)
    try:
        await seal(request, caller, values)
        kept = await app_of(request).documents.create(
            KIND, body_in(values), caller.name, name=values.get("name", "").strip()
        )
    except (DocumentError, Conflict, Forbidden) as error:
        return await _again(request, values, error)
    await _confirmed(request, caller, kept, values)
    return go(request, f"/targets/{kept.id}", f"Saved {kept.name}")


@router.get("/targets/{id}", name="web_target")
async def target(
    request: Request, caller: Reader, id: str, tab: str = "", test: str = "", a: int = 0, b: int = 0
) -> Response:
    """Show a target. `test`: a connection test of it that is still held; `a`, `b`: revisions to compare."""
    app, frame = app_of(request), frame_of(request)
    kept = await app.documents.get(KIND, id)
    changes: h.Node = None
    if tab == "revisions":
        changes = await _changes(request, kept, a, b)
    held = app.targets.held.get(test) if test else None
    held = held if held and held.target == kept.id else None
    check = (await _checks(app)).get(kept.id)
    recent = (await app.store.sessions.list(target=kept.name, limit=5)).items
    shown = Shown(kept, check, recent, held, reads_of(kept.body, held))
    return show(request, target_page(frame, shown, tab, changes, wall_ns()))


async def _changes(request: Request, kept: Kept, a: int, b: int) -> h.Node:
    documents = app_of(request).documents
    revisions = (await documents.revisions(KIND, kept.id, limit=100)).items
    known = {each.revision for each in revisions}
    pair = (a if a in known else max(1, kept.revision - 1), b if b in known else kept.revision)
    diff = await documents.diff(KIND, kept.id, *pair) if kept.revision > 1 else ""
    return revisions_tab(frame_of(request), kept, revisions, pair, diff, wall_ns())


@router.get("/targets/{id}/duplicate", name="web_name_copy")
async def name_copy(request: Request, caller: Runner, id: str) -> Response:
    """Ask what a copy is to be called."""
    kept = await app_of(request).documents.get(KIND, id)
    return show(request, duplicate_page(frame_of(request), kept, f"{kept.name} copy"))


@router.get("/targets/{id}/edit", name="web_edit_target")
async def edit_target(
    request: Request, caller: Runner, id: str, held: Annotated[str, Query(alias="from")] = ""
) -> Response:
    """Show the form of a target, with the answer of its newest test, or of the one that `from` names."""
    app = app_of(request)
    kept = await app.documents.get(KIND, id)
    found = app.targets.held.get(held) if held else app.targets.held.last(kept.id)
    values = found.typed if found and found.typed.get("kept") == kept.id and held else values_from(kept)
    draft = draft_of(values, kept, found)
    return show(request, form_page(frame_of(request), draft, await credentials(request)))


@router.post("/targets/{id}/edit", name="web_revise_target")
async def revise_target(request: Request, caller: Runner, id: str) -> Response:
    """Keep a new revision."""
    app, values = app_of(request), await values_in(request)
    kept = await app.documents.get(KIND, id)
    try:
        await seal(request, caller, values)
        saved = await app.documents.revise(
            KIND, id, body_in(values), caller.name, etag=values.get("etag") or None, name=values.get("name", "").strip()
        )
    except (DocumentError, Conflict, Forbidden) as error:
        return await _again(request, values, error, kept)
    saved = await _confirmed(request, caller, saved, values)
    return go(request, f"/targets/{saved.id}", f"Saved {saved.name}, revision {saved.revision}")


@router.post("/targets/{id}/duplicate", name="web_duplicate_target")
async def duplicate(request: Request, caller: Runner, id: str, name: Annotated[str, Form()] = "") -> Response:
    """Keep a copy under the name that it is given."""
    documents = app_of(request).documents
    kept = await documents.get(KIND, id)
    try:
        if not name.strip():
            raise DocumentError("target", [Place("name", "give the copy a name")])
        made = await documents.duplicate(KIND, kept.id, name.strip()[:200], caller.name)
    except (DocumentError, Conflict) as error:
        words = (
            "; ".join(place.message for place in error.places) if isinstance(error, DocumentError) else error.message
        )
        page = duplicate_page(frame_of(request), kept, name, words[:1].upper() + words[1:])
        return show(request, page, 422)
    return go(request, f"/targets/{made.id}", f"Made {made.name}")


@router.post("/targets/{id}/revert", name="web_revert_target")
async def revert(request: Request, caller: Runner, id: str, revision: Annotated[int, Form()]) -> Response:
    """Keep what an older revision said as the newest."""
    documents = app_of(request).documents
    kept, old = await documents.get(KIND, id), await documents.get(KIND, id, revision)
    body = {key: value for key, value in old.body.items() if key != "confirmed"}
    saved = await documents.revise(KIND, kept.id, body, caller.name, etag=kept.etag, note=f"as revision {revision} was")
    return go(request, f"/targets/{kept.id}?tab=revisions", f"Saved {saved.name}, revision {saved.revision}")


@router.post("/targets/{id}/{deed}", name="web_target_deed")
async def target_deed(request: Request, caller: Runner, id: str, deed: str) -> Response:
    """Archive, restore, confirm or delete a target."""
    documents = app_of(request).documents
    kept = await documents.get(KIND, id)
    if deed == "archive":
        await documents.archive(KIND, id, caller.name)
        return go(request, "/targets", f"Archived {kept.name}")
    if deed == "restore":
        await documents.archive(KIND, id, caller.name, False)
        return go(request, f"/targets/{kept.id}", f"Restored {kept.name}")
    if deed == "confirm":
        await documents.confirm(id, caller.name)
        return go(request, f"/targets/{kept.id}", f"Confirmed that you operate the host of {kept.name}")
    if deed == "delete":
        await documents.delete(KIND, id, caller.name)
        return go(request, "/targets", f"Deleted {kept.name}")
    raise NotFound(f"nothing is called {deed!r} at a target")


async def _again(request: Request, values: dict[str, str], error: KrawallError, kept: Kept | None = None) -> Response:
    draft = draft_of(values, kept, await held_by(request), error)
    return show(request, form_page(frame_of(request), draft, await credentials(request)), 422)


async def _confirmed(request: Request, caller: Caller, kept: Kept, values: Mapping[str, str]) -> Kept:
    """Take down that the host is operated by whoever said so in the form."""
    if values.get("operate") != "yes" or not host_to_confirm(kept):
        return kept
    return await app_of(request).documents.confirm(kept.id, caller.name)
