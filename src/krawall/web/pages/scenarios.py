"""Scenarios: which conversations there are, the templates to begin from, and what can be done with a kept one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.bodies import YAML
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.clock import wall_ns
from krawall.errors import Conflict, DocumentError
from krawall.model.account import Caller, Scope
from krawall.model.kept import DocumentKind, Kept
from krawall.services.documents import to_yaml
from krawall.services.scenarios import Validation
from krawall.services.shelf import SORTS, shelf
from krawall.web import ui
from krawall.web.answers import go, is_partial, show
from krawall.web.frame import frame_of, live_frame_of
from krawall.web.pages.builder_view import View, place
from krawall.web.pages.scenario_preview import in_words, shown, tried, try_result
from krawall.web.pages.scenario_talk import SHEETS
from krawall.web.pages.scenario_template import template_page
from krawall.web.pages.scenarios_list import (
    PAGE,
    delete_form,
    duplicate_form,
    question,
    question_page,
    scenarios_page,
)

KIND = DocumentKind.scenario
router = APIRouter()


@router.get("/scenarios", name="web_scenarios")
async def scenarios(request: Request, caller: Reader) -> Response:
    """Show the list and the templates."""
    app, now, frame = app_of(request), read_query(request.query_params), await live_frame_of(request)
    found = await shelf(
        app.store,
        search=now.get("q", ""),
        category=now.get("category", ""),
        archived=now.get("show") == "archived",
        sort=now.get("sort", "name"),
        page=int(now.get("page", "1")),
        limit=PAGE,
    )
    templates = await asyncio.to_thread(app.scenarios.templates)
    return show(request, scenarios_page(frame, found, templates, now, wall_ns()))


def read_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return what an address says of the list; names and values that are unknown are left out, and so are defaults."""
    found = {name: query.get(name, "").strip()[:200] for name in ("q", "category")}
    if query.get("show") == "archived":
        found["show"] = "archived"
    if query.get("sort", "").removeprefix("-") in SORTS:
        found["sort"] = query["sort"]
    page = query.get("page", "")
    if page.isascii() and page.isdecimal() and len(page) < 6 and int(page) > 1:
        found["page"] = str(int(page))
    return {name: value for name, value in found.items() if value}


@router.get("/scenarios/templates/{name}", name="web_template")
async def template(request: Request, caller: Reader, name: str) -> Response:
    """Show a template: what it will say, what it takes, how it is written."""
    return show(request, template_page(frame_of(request), *await app_of(request).scenarios.shown(name)))


@router.get("/scenarios/{id}/export", name="web_export_scenario")
async def export(request: Request, caller: Reader, id: str) -> Response:
    """Send a scenario as a YAML file that can be taken in again."""
    kept = await app_of(request).documents.get(KIND, id)
    name = quote(f"{kept.name}.yaml", safe="")
    headers = {"Content-Disposition": f"attachment; filename=\"scenario.yaml\"; filename*=UTF-8''{name}"}
    return Response(to_yaml(kept), media_type=YAML, headers=headers)


# what can be done -------------------------------------------------------------------------------------------------------


@router.get("/scenarios/{id}/duplicate", name="web_ask_copy")
async def ask_copy(request: Request, caller: Runner, id: str) -> Response:
    """Ask what the copy is called."""
    kept = await app_of(request).documents.get(KIND, id)
    return _copy_asked(request, kept, f"{kept.name} copy")


@router.post("/scenarios/{id}/duplicate", name="web_duplicate_scenario")
async def duplicate(request: Request, caller: Runner, id: str, name: Annotated[str, Form()] = "") -> Response:
    """Keep a copy under the name that was typed."""
    documents, typed = app_of(request).documents, name.strip()
    kept = await documents.get(KIND, id)
    try:
        made = await documents.duplicate(KIND, id, typed, caller.name)
    except (Conflict, DocumentError) as error:
        return _copy_asked(request, kept, name, in_words(error) if typed else "Give the copy a name")
    return go(request, f"/scenarios/{made.id}", f"Made {made.name}")


def _copy_asked(request: Request, kept: Kept, name: str, error: str = "") -> Response:
    title, status = f"Duplicate {kept.name}", 422 if error else 200
    if is_partial(request):
        form = duplicate_form(kept, name, error, dialog=True)
        return show(request, form if error else question(title, form), status)
    return show(request, question_page(frame_of(request), kept, title, duplicate_form(kept, name, error)), status)


@router.post("/scenarios/{id}/archive", name="web_archive_scenario")
async def archive(request: Request, caller: Runner, id: str) -> Response:
    """Put a scenario away."""
    kept = await app_of(request).documents.archive(KIND, id, caller.name)
    return go(request, "/scenarios", f"Archived {kept.name}")


@router.post("/scenarios/{id}/unarchive", name="web_unarchive_scenario")
async def unarchive(request: Request, caller: Runner, id: str) -> Response:
    """Put a scenario back into the list."""
    kept = await app_of(request).documents.archive(KIND, id, caller.name, False)
    return go(request, "/scenarios", f"Restored {kept.name}")


@router.get("/scenarios/{id}/delete", name="web_ask_delete_scenario")
async def ask_delete(request: Request, caller: Runner, id: str) -> Response:
    """Say what goes with a scenario, and ask."""
    kept = await app_of(request).documents.get(KIND, id)
    title = f"Delete {kept.name}?"
    if is_partial(request):
        return show(request, question(title, delete_form(kept, dialog=True)))
    return show(request, question_page(frame_of(request), kept, title, delete_form(kept)))


@router.post("/scenarios/{id}/delete", name="web_delete_scenario")
async def delete(request: Request, caller: Runner, id: str) -> Response:
    """Delete a scenario with all revisions."""
    documents = app_of(request).documents
    kept = await documents.get(KIND, id)
    await documents.delete(KIND, kept.id, caller.name)
    return go(request, "/scenarios", f"Deleted {kept.name}")


@router.post("/scenarios/{id}/revisions/{revision}/restore", name="web_restore_revision")
async def restore(
    request: Request, caller: Runner, id: str, revision: int, etag: Annotated[str, Form()] = ""
) -> Response:
    """Make an old revision the newest one; those between stay. `etag`: of the newest that the person saw."""
    documents = app_of(request).documents
    old = await documents.get(KIND, id, revision)
    note = f"restored revision {revision}"
    made = await documents.revise(KIND, id, old.body, caller.name, etag=etag or None, note=note, name=old.name)
    return go(
        request, f"/scenarios/{made.id}?tab=revisions", f"Restored revision {revision} as revision {made.revision}"
    )


@router.post("/scenarios/{key}/try", name="web_try_scenario")
async def try_one(request: Request, caller: Runner, key: str) -> Response:
    """Play one conversation against the mock bot and show it; nothing is kept. `key`: a scenario's or a draft's id."""
    app = app_of(request)
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    view = await _view(request, app, caller, key)
    body = view.editing.draft.body()
    found = await tried(app, body, await shown(app, body, form))
    result = try_result(view, found)
    if is_partial(request):
        return show(request, result)
    back = place(view, tab="preview")
    name = view.editing.name or "Scenario"
    crumbs = [("Scenarios", "/scenarios"), (name, back), ("Played", "")]
    header = ui.page_header(
        "One conversation",
        about=f"{name}, against the mock bot.",
        actions=ui.button("Back", symbol="arrow-left", href=back),
    )
    return show(request, ui.page(frame_of(request), "One conversation", header, result, crumbs=crumbs, sheets=SHEETS))


async def _view(request: Request, app: App, caller: Caller, key: str) -> View:
    """Return as much of the builder's view as a transcript needs."""
    editing = await app.drafts.look(key, caller.name)
    return View(
        frame_of(request), key, editing, [], Validation([], []), tab="preview", may_edit=Scope.run in caller.scopes
    )
