"""Targets: which chatbots are tested, and whether they answer. List, form, connection test, revisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.clock import wall_ns
from krawall.errors import Conflict, DocumentError, Forbidden, KrawallError, NotFound
from krawall.model.account import Caller, Scope
from krawall.model.kept import DocumentKind, Kept
from krawall.services.probing import Outcome, Step
from krawall.services.trials import MESSAGE
from krawall.web.answers import go, show
from krawall.web.frame import frame_of
from krawall.web.pages.target_edit import Draft, form_page
from krawall.web.pages.target_form import body_of, field_of, values_of
from krawall.web.pages.target_test import result
from krawall.web.pages.target_views import Listed, list_page, target_page
from krawall.web.presets import implied_address, preset_of

KIND = DocumentKind.target
PAGE = 50
router = APIRouter()


@router.get("/targets", name="web_targets")
async def targets(
    request: Request, caller: Reader, q: str = "", cursor: str | None = None, archived: bool = False
) -> Response:
    """Show the list."""
    app = app_of(request)
    found = await app.documents.list(KIND, search=q.strip()[:200], cursor=cursor, limit=PAGE, archived=archived)
    checks = await _checks(app)
    last = {session.target: session for session in reversed((await app.store.sessions.list(limit=200)).items)}
    rows = [Listed(kept, checks.get(kept.id), last.get(kept.name)) for kept in found.items]
    return show(request, list_page(frame_of(request), rows, q, archived, cursor, found.next, wall_ns()))


async def _checks(app: App) -> dict[str, Any]:
    """Return the last connection test of each target, as far as the newest events tell."""
    found = await app.store.events.list(types=["target.tested"], limit=200)
    return {event.body.target: event for event in reversed(found.items) if hasattr(event.body, "target")}


@router.get("/targets/new", name="web_new_target")
async def new_target(request: Request, caller: Runner, preset: str = "") -> Response:
    """Show the form of a new target: its preset first."""
    facts = preset_of(preset)
    values = {"preset": preset, "stream": "yes"} if facts else {}
    return show(request, form_page(frame_of(request), Draft(values, facts), await _credentials(request)))


@router.post("/targets/new", name="web_create_target")
async def create_target(request: Request, caller: Runner) -> Response:
    """Keep a new target."""
    values = await _values(request)
    try:
        await _seal(request, caller, values)
        kept = await app_of(request).documents.create(
            KIND, _body(values), caller.name, name=values.get("name", "").strip()
        )
    except (DocumentError, Conflict, Forbidden) as error:
        return await _again(request, values, error)
    return go(request, f"/targets/{kept.id}", f"Saved {kept.name}")


@router.get("/targets/{id}", name="web_target")
async def target(request: Request, caller: Reader, id: str, tab: str = "") -> Response:
    """Show a target."""
    app = app_of(request)
    kept = await app.documents.get(KIND, id)
    revisions = (await app.documents.revisions(KIND, id, limit=20)).items if tab == "revisions" else []
    diff = await app.documents.diff(KIND, id) if tab == "revisions" and kept.revision > 1 else ""
    check = (await _checks(app)).get(kept.id)
    recent = (await app.store.sessions.list(target=kept.name, limit=5)).items
    return show(request, target_page(frame_of(request), kept, tab, revisions, diff, check, recent, wall_ns()))


@router.get("/targets/{id}/edit", name="web_edit_target")
async def edit_target(request: Request, caller: Runner, id: str) -> Response:
    """Show the form of a target."""
    kept = await app_of(request).documents.get(KIND, id)
    values = {**values_of(kept.body), "name": kept.name, "etag": kept.etag}
    if values.get("url") == implied_address(kept.body):
        values.pop("url")
    return show(request, form_page(frame_of(request), _draft(values, kept), await _credentials(request)))


@router.post("/targets/{id}/edit", name="web_revise_target")
async def revise_target(request: Request, caller: Runner, id: str) -> Response:
    """Keep a new revision."""
    app, values = app_of(request), await _values(request)
    kept = await app.documents.get(KIND, id)
    try:
        await _seal(request, caller, values)
        saved = await app.documents.revise(
            KIND, id, _body(values), caller.name, etag=values.get("etag") or None, name=values.get("name", "").strip()
        )
    except (DocumentError, Conflict, Forbidden) as error:
        return await _again(request, values, error, kept)
    return go(request, f"/targets/{saved.id}", f"Saved {saved.name}, revision {saved.revision}")


@router.post("/targets/{id}/test", name="web_test_target")
async def try_target(request: Request, caller: Runner, id: str, message: Annotated[str, Form()] = MESSAGE) -> Response:
    """Test the connection and show its steps, the raw answer and what was read from it."""
    app = app_of(request)
    steps: list[Step] = []
    outcome = Outcome(ok=False)
    problem = ""
    try:
        ready = await app.targets.ready(id, message.strip()[:2000] or MESSAGE)
        async for each in app.targets.test(ready, caller.name):
            if isinstance(each, Step):
                steps.append(each)
            else:
                outcome = each
    except KrawallError as error:
        if isinstance(error, NotFound):
            raise
        problem = error.message
    if request.headers.get("hx-request") != "true":
        return go(request, f"/targets/{id}", "Connection works" if outcome.ok else "Connection failed")
    return show(request, result(steps, outcome, problem))


@router.post("/targets/{id}/{deed}", name="web_target_deed")
async def target_deed(request: Request, caller: Runner, id: str, deed: str) -> Response:
    """Duplicate, archive, restore, confirm or delete a target."""
    documents = app_of(request).documents
    kept = await documents.get(KIND, id)
    if deed == "duplicate":
        name = (await _values(request)).get("name", "").strip() or f"{kept.name} copy"
        made = await documents.duplicate(KIND, id, name, caller.name)
        return go(request, f"/targets/{made.id}", f"Made {made.name}")
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


async def _values(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


def _body(values: dict[str, str]) -> dict[str, Any]:
    """Return the target of a form. A kept target says where it is; where nobody did, its preset and fields do."""
    body = body_of(values)
    implied = "" if body.get("url") else implied_address(body)
    return {**body, "url": implied} if implied else body


async def _credentials(request: Request) -> list[str]:
    return [each.name for each in await app_of(request).credentials.list()]


async def _seal(request: Request, caller: Caller, values: dict[str, str]) -> None:
    """Seal a secret that was typed in. It is never shown again, not even in the form that it came with.

    Raises:
        Forbidden: the caller may not set credentials. DocumentError: its name cannot be one.
    """
    secret, name = values.pop("secret", ""), values.get("credential", "").strip()
    if not secret:
        return
    if Scope.admin not in caller.scopes:
        raise Forbidden("only an admin sets credentials", hint="choose one that is there")
    await app_of(request).credentials.put(name, secret, caller.name, "set with a target")


async def _again(request: Request, values: dict[str, str], error: KrawallError, kept: Kept | None = None) -> Response:
    draft = _draft(values, kept, *_told(error, values))
    return show(request, form_page(frame_of(request), draft, await _credentials(request)), 422)


def _draft(
    values: dict[str, str],
    kept: Kept | None = None,
    errors: dict[str, str] | None = None,
    more: list[str] | None = None,
) -> Draft:
    return Draft(values, preset_of(values.get("preset", "")), kept, errors or {}, more or [])


def _told(error: KrawallError, values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the errors of fields, and those that belong to none."""
    if isinstance(error, Conflict) and "name" in error.message and error.code == "conflict":
        return {"name": error.message[:1].upper() + error.message[1:]}, []
    if not isinstance(error, DocumentError):
        return {}, [f"{error.message[:1].upper()}{error.message[1:]}" + (f" ({error.hint})" if error.hint else "")]
    fields: dict[str, str] = {}
    rest: list[str] = []
    for place in error.places:
        path = "credential" if error.source == "credential" else field_of(place.path)
        line = f"Line {place.line}: " if place.line and path == "rest" else ""
        if path and path not in fields and (path in values or path in ("name", "url", "credential")):
            fields[path] = line + place.message[:1].upper() + place.message[1:]
        else:
            rest.append(f"{place.path}: {place.message}" if place.path else place.message)
    return fields, rest
