"""Sessions: list and show them, start, steer, restart, delete and take them in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ConfigDict, Field

from krawall.api.auth import Reader, Runner
from krawall.api.bodies import YAML, Body, wants_yaml
from krawall.api.incoming import TAR_TYPES, received
from krawall.api.records import View
from krawall.api.shapes import (
    AnyEvent,
    Cursor,
    Limit,
    Moment,
    Page,
    Search,
    SessionDetail,
    SessionId,
    SessionView,
    TickView,
    Whole,
    Words,
    app_of,
    event_view,
    nanoseconds,
    page,
    session_fields,
    session_view,
)
from krawall.errors import KrawallError
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.plugins.assemble import read_plan
from krawall.services.reading import plan_yaml
from krawall.services.starting import StartSession

PREFIX = "/api/v1/sessions"
_COLUMNS = {
    "created_at": "created_ns",
    "started_at": "started_ns",
    "finished_at": "finished_ns",
    "cost_usd": "cost_pico",
}

router = APIRouter(prefix=PREFIX, tags=["sessions"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="a request with the same key starts nothing anew",
    ),
]
Sort = Literal[
    "created_at", "-created_at", "started_at", "-started_at", "finished_at", "-finished_at", "name", "-name",
    "cost_usd", "-cost_usd", "p95_ms", "-p95_ms", "errors", "-errors", "turns", "-turns",
    "conversations", "-conversations",
]  # fmt: skip
_DEEDS = ("get", "stop", "cancel", "pause", "resume", "adjust", "restart", "delete", "diagnose")
NEXT = {
    deed.capitalize(): {"operationId": f"{deed}_session", "parameters": {"id": "$response.body#/id"}} for deed in _DEEDS
}
"""What can be done next with a session: for people, and for tools that walk the API."""
NEW = {"headers": {"Location": {"description": "where the session is", "schema": {"type": "string"}}}, "links": NEXT}
STARTED: dict[int | str, dict[str, Any]] = {202: NEW}


class NewSession(StartSession):
    """What a session is made of: names of kept documents, or documents themselves, and what is laid over them."""

    model_config = ConfigDict(defer_build=False)  # FastAPI silences a warning while it builds, not later


class Stop(Body):
    """How to stop. `now`: turns in flight are cancelled."""

    now: bool = False


class Adjust(Body):
    """Another load: users of a closed one, or arrivals per second of an open one."""

    users: int | None = Field(None, ge=0, le=1_000_000)
    rate: float | None = Field(None, ge=0, le=1_000_000)


class Restart(Body):
    """How to start again. `as_changed`: with the users or the rate that the session was last changed to, not those of its plan."""

    as_changed: bool = False


class Bulk(Body):
    """One deed on many sessions."""

    ids: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(min_length=1, max_length=200)
    deed: Literal["stop", "cancel", "restart", "delete"]


class BulkResult(View):
    """What became of one session. `code` and `detail`: why it did not work. `session`: as it is now; null when deleted."""

    id: str
    ok: bool
    code: str | None = None
    detail: str | None = None
    session: SessionView | None = None


class BulkResults(View):
    """One result for each id, in order."""

    results: list[BulkResult]


class TicksPage(View):
    """Seconds in order. `next`: what to give as `since` to go on, null at the end."""

    items: list[TickView]
    next: int | None


class EventsPage(View):
    """Events in order. `next`: what to give as `after` to go on, null at the end."""

    items: list[AnyEvent]
    next: int | None


class Diagnosis(View):
    """Why a session is not getting on; empty when it is."""

    sentences: list[str]


@router.get("")
async def list_sessions(
    request: Request,
    caller: Reader,
    state: State | None = None,
    outcome: Outcome | None = None,
    verdict: Verdict | None = None,
    scenario: Words | None = None,
    target: Words | None = None,
    search: Search = "",
    created_from: Annotated[Moment | None, Query(alias="from", description="created at this time or later")] = None,
    created_to: Annotated[Moment | None, Query(alias="to", description="created before this time")] = None,
    sort: Sort = "-created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SessionView]:
    """List sessions."""
    column = sort.removeprefix("-")
    found = await app_of(request).store.sessions.list(
        state=state,
        outcome=outcome,
        verdict=verdict,
        scenario=scenario,
        target=target,
        search=search,
        created_from=nanoseconds(created_from),
        created_to=nanoseconds(created_to),
        sort=sort[: -len(column)] + _COLUMNS.get(column, column),
        cursor=cursor,
        limit=limit,
    )
    return page(found.items, found.next, session_view)


@router.post("", status_code=202, responses=STARTED)
async def start_session(
    request: Request, response: Response, caller: Runner, body: NewSession, key: Key = None
) -> SessionView:
    """Plan a session and put it into the queue. The answer does not wait for it to begin."""
    started = await app_of(request).sessions.start(body, caller.name, key)
    return _started(response, started.session)


@router.post("/bulk")
async def change_sessions(request: Request, caller: Runner, body: Bulk, key: Key = None) -> BulkResults:
    """Stop, cancel, restart or delete many sessions. Each succeeds or fails by itself."""
    return BulkResults(results=[await _one_of_many(request, caller.name, body.deed, id, key) for id in body.ids])


@router.post(
    "/import",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TAR_TYPES},
        }
    },
    responses={201: NEW},
)
async def import_session(request: Request, response: Response, caller: Runner) -> SessionView:
    """Take in the directory of a session that was played elsewhere: a tar archive, plain or gzipped."""
    app = app_of(request)
    async with received(request, app.settings.home, app.settings.most_import) as path:
        session = await app.sessions.take_in(path, caller.name)
    return _started(response, session)


@router.get("/{id}")
async def get_session(request: Request, caller: Reader, id: SessionId) -> SessionDetail:
    """Show a session with its result or live picture, and why it is not getting on, if it is not."""
    app = app_of(request)
    session = await app.store.sessions.get(id)
    summary, picture = await app.store.sessions.summary(id), await app.store.sessions.picture(id)
    return SessionDetail.model_validate(
        {
            **session_fields(session),
            "summary": msgspec.json.decode(summary) if summary else None,
            "picture": msgspec.json.decode(picture) if picture else None,
            "diagnosis": await app.overview.diagnose(id),
        }
    )


@router.delete("/{id}", status_code=204)
async def delete_session(request: Request, caller: Runner, id: SessionId) -> None:
    """Delete a finished session with its files."""
    await app_of(request).sessions.delete(id, caller.name)


@router.get(
    "/{id}/plan",
    response_model=dict[str, Any],
    responses={200: {"description": "the frozen plan", "content": {YAML: {"schema": {"type": "string"}}}}},
)
async def get_session_plan(request: Request, caller: Reader, id: SessionId) -> Response:
    """Show the plan as it is kept; as YAML it is a scenario that plays the same again."""
    plan = await app_of(request).store.sessions.plan(id)
    if wants_yaml(request):
        return Response(plan_yaml(read_plan(plan)), media_type=YAML)
    return Response(plan, media_type="application/json")


@router.get("/{id}/ticks")
async def list_session_ticks(
    request: Request,
    caller: Reader,
    id: SessionId,
    since: Annotated[int, Query(ge=0, le=2**31 - 1, description="the first second that is wanted")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 600,
) -> TicksPage:
    """List the seconds of a session, for charts."""
    store = app_of(request).store
    await store.sessions.get(id)
    found = await store.ticks.since(id, since, limit)
    items = [TickView.model_validate({"second": second, "point": msgspec.json.decode(body)}) for second, body in found]
    return TicksPage(items=items, next=found[-1][0] + 1 if len(found) == limit else None)


@router.get("/{id}/events")
async def list_session_events(
    request: Request, caller: Reader, id: SessionId, after: Whole = 0, limit: Limit = 100
) -> EventsPage:
    """List what happened to a session, oldest first."""
    store = app_of(request).store
    await store.sessions.get(id)
    found = await store.events.after(after, session=id, limit=limit)
    return EventsPage(
        items=[event_view(event) for event in found], next=found[-1].number if len(found) == limit else None
    )


@router.get("/{id}/diagnosis")
async def diagnose_session(request: Request, caller: Reader, id: SessionId) -> Diagnosis:
    """Say why a session is not getting on."""
    return Diagnosis(sentences=await app_of(request).overview.diagnose(id))


@router.post("/{id}/stop")
async def stop_session(request: Request, caller: Runner, id: SessionId, body: Stop = Stop()) -> SessionView:
    """Stop a session: no new turns; turns in flight may finish, unless `now`."""
    return session_view(await app_of(request).sessions.stop(id, caller.name, body.now))


@router.post("/{id}/cancel")
async def cancel_session(request: Request, caller: Runner, id: SessionId) -> SessionView:
    """Stop a session at once: turns in flight are cancelled."""
    return session_view(await app_of(request).sessions.stop(id, caller.name, True))


@router.post("/{id}/pause")
async def pause_session(request: Request, caller: Runner, id: SessionId) -> SessionView:
    """Pause a session: no new turns until it is resumed."""
    return session_view(await app_of(request).sessions.pause(id, caller.name))


@router.post("/{id}/resume")
async def resume_session(request: Request, caller: Runner, id: SessionId) -> SessionView:
    """Let a paused session go on."""
    return session_view(await app_of(request).sessions.resume(id, caller.name))


@router.post("/{id}/adjust")
async def adjust_session(request: Request, caller: Runner, id: SessionId, body: Adjust) -> SessionView:
    """Change the load of a running session: either `users` or `rate`."""
    return session_view(await app_of(request).sessions.adjust(id, caller.name, users=body.users, rate=body.rate))


@router.post("/{id}/restart", status_code=202, responses=STARTED)
async def restart_session(
    request: Request, response: Response, caller: Runner, id: SessionId, body: Restart = Restart(), key: Key = None
) -> SessionView:
    """Start a new session of the same frozen plan."""
    started = await app_of(request).sessions.restart(id, caller.name, key, as_changed=body.as_changed)
    return _started(response, started.session)


def _started(response: Response, session: Session) -> SessionView:
    response.headers["Location"] = f"{PREFIX}/{session.id}"
    return session_view(session)


async def _one_of_many(request: Request, actor: str, deed: str, id: str, key: str | None) -> BulkResult:
    sessions = app_of(request).sessions
    now: Session | None = None
    try:
        if deed == "delete":
            await sessions.delete(id, actor)
        elif deed == "restart":
            now = (await sessions.restart(id, actor, f"{key}:{id}"[:200] if key else None)).session
        else:
            now = await sessions.stop(id, actor, deed == "cancel")
    except KrawallError as error:
        return BulkResult(id=id, ok=False, code=error.code, detail=error.message)
    return BulkResult(id=id, ok=True, session=session_view(now) if now else None)
