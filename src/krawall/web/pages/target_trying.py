"""Routes that try targets out: connection tests, told step by step where there are scripts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import htpy as h
from fastapi import APIRouter, Form, Request, Response

from krawall.api.auth import Runner
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.errors import Internal, KrawallError
from krawall.model.kept import DocumentKind, Kept
from krawall.services.probing import Outcome, Step, StepName, steps_of
from krawall.services.targets import Ready
from krawall.services.tested import HeldTest
from krawall.services.trials import MESSAGE
from krawall.web.answers import go, is_partial
from krawall.web.frame import frame_of
from krawall.web.pages.target_drafts import reads_of
from krawall.web.pages.target_stream import Pieces
from krawall.web.pages.target_test import after, beginning, result
from krawall.web.pages.target_views import way_out_of

router = APIRouter()
MOST_MESSAGE = 2_000


@router.post("/targets/{id}/test", name="web_test_target")
async def try_target(request: Request, caller: Runner, id: str, message: Annotated[str, Form()] = MESSAGE) -> Response:
    """Test the connection and show its steps, the raw answer and what was read from it."""
    app = app_of(request)
    kept = await app.documents.get(DocumentKind.target, id)
    try:
        ready = await app.targets.ready(id, message.strip()[:MOST_MESSAGE] or MESSAGE)
    except KrawallError as error:
        held = app.targets.held.hold(
            [], Outcome(ok=False), target=kept.id, problem=error.message, hint=error.hint or ""
        )
        return (
            Pieces(request, at_once(_shown(request, kept, held))) if is_partial(request) else _to(request, kept, held)
        )
    if is_partial(request):
        return Pieces(request, _told(request, kept, ready, caller.name))
    return _to(request, kept, await whole(app, ready, caller.name, kept.id))


def _to(request: Request, kept: Kept, held: HeldTest) -> Response:
    words = "Connection works" if held.outcome.ok else "Connection failed"
    return go(request, f"/targets/{kept.id}?test={held.id}", words)


async def _told(request: Request, kept: Kept, ready: Ready, actor: str) -> AsyncGenerator[h.Element, None]:
    async with aclosing(following(app_of(request), ready, actor, kept.id)) as told:
        async for each in told:
            if isinstance(each, HeldTest):
                yield _shown(request, kept, each)
            else:
                yield each


def _shown(request: Request, kept: Kept, held: HeldTest) -> h.Element:
    return result(held, reads_of(kept.body, held), way_out=way_out_of(frame_of(request), kept, held))


async def at_once(*pieces: h.Element) -> AsyncGenerator[h.Element, None]:
    """Yield what is known already."""
    for each in pieces:
        yield each


async def following(
    app: App, ready: Ready, actor: str, target: str = "", typed: dict[str, str] | None = None
) -> AsyncGenerator[h.Element | HeldTest, None]:
    """Yield the pieces of a test, and at its end the test itself, which is held from then on."""
    names: list[StepName] = steps_of(ready.trial)
    steps: list[Step] = []
    yield beginning(names)
    async with aclosing(app.targets.test(ready, actor)) as told:
        async for each in told:
            if isinstance(each, Step):
                steps.append(each)
                for piece in after(each, names):
                    yield piece
            else:
                yield app.targets.held.hold(steps, each, target=target, typed=typed)


async def whole(app: App, ready: Ready, actor: str, target: str = "", typed: dict[str, str] | None = None) -> HeldTest:
    """Play a test to its end."""
    async with aclosing(following(app, ready, actor, target, typed)) as told:
        async for each in told:
            if isinstance(each, HeldTest):
                return each
    raise Internal("a connection test ended without an outcome")
