"""Starting a session: the form, what it would take, and the start itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from krawall.api.auth import Runner
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.errors import Conflict, DocumentError, KrawallError, NotFound, Refused, Unreachable
from krawall.model.kept import DocumentKind
from krawall.services.planning import TEMPLATE
from krawall.web.answers import go, show
from krawall.web.frame import frame_of
from krawall.web.pages.session_form import Offer, Order, start_page
from krawall.web.pages.session_order import field_of, read_values, request_of

OFFERED = 200
router = APIRouter()


@router.get("/sessions/new", name="web_new_session")
async def new_session(request: Request, caller: Runner) -> Response:
    """Show the form; an address may fill it in."""
    app, values = app_of(request), read_values(request.query_params)
    offer = await offer_of(app)
    for name, offered in (("scenario", offer.scenarios), ("target", offer.targets)):  # lists and links know names
        if (id := {words: id for id, words in offered}.get(values.get(name, ""))) is not None:
            values[name] = id
    return await _answer(request, await _estimated(app, values))


@router.post("/sessions/estimate", name="web_estimate_session")
async def estimate_session(request: Request, caller: Runner) -> Response:
    """Say what a session would take. Nothing is kept and nothing is sent."""
    order = await _estimated(app_of(request), read_values(await _form(request)))
    return await _answer(request, order)


@router.post("/sessions/new", name="web_start_session")
async def start_session(request: Request, caller: Runner) -> Response:
    """Start a session."""
    app, values = app_of(request), read_values(await _form(request))
    if not values.get("scenario"):
        return await _answer(request, Order(values, {"scenario": "Choose a scenario"}), 422)
    try:
        started = await app.sessions.start(request_of(values, await _budget(app, values)), caller.name)
    except (DocumentError, Conflict, NotFound, Refused, Unreachable) as error:
        return await _answer(request, _wrong(values, error), 422)
    return go(request, f"/sessions/{started.session.id}", f"Started {started.session.name}")


async def offer_of(app: App) -> Offer:
    """Return what can be chosen: targets, scenarios and templates by name."""
    targets = (await app.documents.list(DocumentKind.target, limit=OFFERED)).items
    scenarios = (await app.documents.list(DocumentKind.scenario, limit=OFFERED)).items
    templates = [(f"{TEMPLATE}{each.name}", each.title) for each in app.scenarios.templates()]
    return Offer([(each.id, each.name) for each in targets], [(each.id, each.name) for each in scenarios], templates)


async def _estimated(app: App, values: dict[str, str]) -> Order:
    if not values.get("scenario"):
        return Order(values)
    try:
        found = await app.scenarios.preview(request_of(values, await _budget(app, values)))
    except (DocumentError, NotFound) as error:
        return _wrong(values, error)
    return Order(values, estimate=found.estimate)


async def _budget(app: App, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the budget that the scenario itself has."""
    name = values["scenario"]
    if name.startswith(TEMPLATE):
        body = app.scenarios.template(name.removeprefix(TEMPLATE)).body
    else:
        body = (await app.documents.get(DocumentKind.scenario, name)).body
    own = body.get("budget")
    return dict(own) if isinstance(own, dict) else {}


def _wrong(values: dict[str, str], error: KrawallError) -> Order:
    """Return the form with an error at the fields that it is about, or above them."""
    errors: dict[str, str] = {}
    problems: list[str] = []
    for place in error.places if isinstance(error, DocumentError) else ():
        name, words = field_of(place.path), place.message[:1].upper() + place.message[1:]
        if name and name not in errors:
            errors[name] = words
        else:
            problems.append(f"{place.path}: {place.message}" if place.path and not name else words)
    if not errors and not problems:
        problems = [" ".join(filter(None, (f"{error.message}.", error.hint)))]
    return Order(values, errors, problems)


async def _answer(request: Request, order: Order, status: int = 200) -> Response:
    return show(request, start_page(frame_of(request), order, await offer_of(app_of(request))), status)


async def _form(request: Request) -> dict[str, Any]:
    return dict((await request.form()).items())
