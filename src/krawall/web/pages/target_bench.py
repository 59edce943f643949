"""Routes of the form of a target before it is saved: what it would send and read, a test of it, paths that are pressed, addresses."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import urlsplit

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Runner
from krawall.api.shapes import app_of
from krawall.errors import KrawallError
from krawall.model.kept import Kept
from krawall.services.detecting import Detected, Tell, detecting
from krawall.services.probing import Outcome
from krawall.services.targets import Ready
from krawall.services.tested import HeldTest
from krawall.web.answers import go, is_partial, show
from krawall.web.frame import frame_of
from krawall.web.pages.target_detect import refused, telling
from krawall.web.pages.target_drafts import (
    body_in,
    credentials,
    draft_of,
    held_by,
    kept_of,
    look_at,
    pressed,
    said,
    values_in,
)
from krawall.web.pages.target_edit import Draft, form_page
from krawall.web.pages.target_form import FIELD, READS, TO, values_of
from krawall.web.pages.target_mapping import PICK, PICK_FOR, answer_field, preview, suggested
from krawall.web.pages.target_stream import Pieces, goes
from krawall.web.pages.target_test import result
from krawall.web.pages.target_trying import at_once, following, whole
from krawall.web.presets import preset_of

router = APIRouter()


# looking and pointing ------------------------------------------------------------------------------------


@router.post("/targets/preview", name="web_preview_target")
async def look_again(request: Request, caller: Runner) -> Response:
    """Show what a form would send, and what it reads from the answer that it works with."""
    values, held = await values_in(request), await held_by(request)
    values.pop("secret", None)
    if not is_partial(request):
        return _back(request, values, held)
    return show(request, preview(look_at(values, held), held, await pressed(request, PICK_FOR)))


@router.post("/targets/mapping", name="web_pick_path")
async def pick(request: Request, caller: Runner) -> Response:
    """Put a path that was pressed, or all that are suggested, into the form."""
    values, held = await values_in(request), await held_by(request)
    values.pop("secret", None)
    path, into = await pressed(request, PICK), await pressed(request, PICK_FOR)
    if path and into in READS:
        values[into] = path
    elif held and await pressed(request, "suggest"):
        values |= suggested(held.outcome.suggestions)
    if not is_partial(request):
        return _back(request, values, held)
    draft = draft_of(values, await kept_of(request, values), held, picked=into)
    return show(request, form_page(frame_of(request), draft, await credentials(request)))


@router.post("/targets/preset", name="web_change_preset")
async def change_preset(request: Request, caller: Runner) -> Response:
    """Lead to the form of another preset, with what was typed; fields that it does not ask for are let go."""
    values, held = await values_in(request), await held_by(request)
    values.pop("secret", None)
    preset = preset_of(await pressed(request, TO))
    asked = {FIELD + each.name for each in preset.fields} if preset else set()
    kept = {name: value for name, value in values.items() if not name.startswith(FIELD) or name in asked}
    return _back(request, {**kept, "preset": preset.name if preset else values.get("preset", "")}, held)


def _back(request: Request, values: dict[str, str], held: HeldTest | None) -> Response:
    """Lead back to the form, which finds there what was typed."""
    steps, outcome, notes = (held.steps, held.outcome, held.notes) if held else ([], Outcome(ok=False), [])
    return _to(request, app_of(request).targets.held.hold(steps, outcome, typed=values, notes=notes))


def _to(request: Request, held: HeldTest, told: str = "") -> Response:
    kept = held.typed.get("kept", "")
    form = f"/targets/{kept}/edit" if kept else "/targets/new"
    return go(request, f"{form}?from={held.id}", told)


# a test of what is typed ---------------------------------------------------------------------------------


@router.post("/targets/test", name="web_test_draft")
async def try_draft(request: Request, caller: Runner) -> Response:
    """Test what the form says now; nothing is kept. A secret that was typed counts for this test alone."""
    app, values = app_of(request), await values_in(request)
    secret, name = values.pop("secret", ""), values.get("credential", "").strip()
    kept = await kept_of(request, values)
    picked = await pressed(request, PICK_FOR)
    typed = {name: secret} if secret and name else None
    try:
        operated = values.get("operate") == "yes" or bool(kept and kept.body.get("confirmed"))
        ready = await app.targets.ready_draft(body_in(values), typed=typed, operated=operated)
    except KrawallError as error:
        held = app.targets.held.hold([], Outcome(ok=False), typed=values, problem=said(error), hint=error.hint or "")
        shown = result(held)
        return (
            Pieces(request, at_once(shown)) if is_partial(request) else _to(request, held, "The test could not begin")
        )
    if is_partial(request):
        return Pieces(request, _told(request, ready, caller.name, values, kept, picked))
    held = await whole(app, ready, caller.name, typed=values)
    return _to(request, held, "Connection works" if held.outcome.ok else "Connection failed")


async def _told(
    request: Request, ready: Ready, actor: str, values: dict[str, str], kept: Kept | None, picked: str
) -> AsyncGenerator[h.Element, None]:
    async with aclosing(following(app_of(request), ready, actor, typed=values)) as told:
        async for each in told:
            if isinstance(each, HeldTest):
                yield result(each, answered=False)
                yield answer_field(each.id)
                yield preview(look_at(values, each), each, picked if picked in READS else "reply.text")
            else:
                yield each


# an address ----------------------------------------------------------------------------------------------


@router.post("/targets/detect", name="web_detect_target")
async def recognise(request: Request, caller: Runner) -> Response:
    """Find out what speaks at an address, and lead to a form that is filled in."""
    values = await values_in(request)
    partial = is_partial(request)
    if partial:
        return Pieces(request, _recognising(request, values))
    try:
        async with aclosing(_finding(request, values)) as told:
            async for each in told:
                if isinstance(each, HeldTest):
                    return _to(request, each, "Recognised")
    except KrawallError as error:
        draft = Draft(values, errors={"url": said(error)})
        return show(request, form_page(frame_of(request), draft, await credentials(request)), 422)
    return go(request, "/targets/new")


async def _recognising(request: Request, values: dict[str, str]) -> AsyncGenerator[h.Element, None]:
    lines: list[str] = ["looking the host up"]
    yield telling(lines)
    try:
        async with aclosing(_finding(request, values)) as told:
            async for each in told:
                if isinstance(each, HeldTest):
                    yield goes(f"/targets/new?from={each.id}")
                else:
                    lines.append(each)
                    yield telling(lines)
    except KrawallError as error:
        yield refused(said(error), error.hint or "")


async def _finding(request: Request, values: dict[str, str]) -> AsyncGenerator[str | HeldTest, None]:
    targets = app_of(request).targets
    operated = values.get("operate") == "yes"

    async def deed(tell: Tell) -> Detected:
        url, key = values.get("url", "").strip(), values.get("key", "").strip()
        return await targets.detect(url, key=key, confirmed=operated, tell=tell)

    async with aclosing(detecting(deed)) as told:
        async for each in told:
            if isinstance(each, str):
                yield each
                continue
            target = each.guess.target
            name = urlsplit(str(target.get("url") or values.get("url", ""))).hostname or ""
            typed = {**values_of(target), "name": name, **({"operate": "yes"} if operated else {})}
            outcome = each.outcome or Outcome(ok=False)
            notes = [*each.guess.why, "it answered, and its answer was read" if outcome.ok else each.trouble]
            yield targets.held.hold([], outcome, typed=typed, notes=[note for note in notes if note])
