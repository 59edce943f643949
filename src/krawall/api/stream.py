"""Routes of the live streams (server-sent events) and what their messages look like. How a stream is followed is in `following`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from starlette.responses import JSONResponse

from krawall.api.auth import Reader
from krawall.api.following import ChangeReader, EventStream, SessionReader, follow
from krawall.api.records import AsModel, View
from krawall.api.shapes import (
    AnyEvent,
    EventPage,
    Limit,
    SessionId,
    SessionView,
    TickView,
    Whole,
    app_of,
    event_view,
    known_types,
)
from krawall.api.standing import standing
from krawall.errors import DocumentError, Place
from krawall.model.summary import Picture, Point, Summary

router = APIRouter(prefix="/api/v1", tags=["events"])


class Snapshot(View):
    """The state to begin with. `event`: the number of the newest event that it holds."""

    session: SessionView
    picture: Annotated[Picture | None, AsModel()]
    summary: Annotated[Summary | None, AsModel()]
    ticks: list[TickView]
    event: int


class Tick(View):
    """One second of the session. `point`: null before the first is over. `newest`: how many messages there are, null: unknown."""

    second: int
    point: Annotated[Point | None, AsModel()]
    picture: Annotated[Picture | None, AsModel()]
    newest: int | None


class End(View):
    """Nothing follows. `why`: the session is finished or deleted, or the reader may not read any more."""

    why: Literal["finished", "deleted", "access"]


class SnapshotMessage(View):
    """First of all. `id`: the number after which events follow."""

    event: Literal["snapshot"]
    id: int
    data: Snapshot


class EventMessage(View):
    """An event of the session. `id`: its number, to go on after it."""

    event: Literal["event"]
    id: int
    data: AnyEvent


class TickMessage(View):
    """A second of the session; has no id and may be missed."""

    event: Literal["tick"]
    data: Tick


class EndMessage(View):
    """Last of all; without it the connection was cut and is to be made again."""

    event: Literal["end"]
    data: End


class Changed(View):
    """Something changed. `names`: of what, such as `session:ses_..` or `target:tgt_..`."""

    names: list[str]
    event: AnyEvent


class ChangedMessage(View):
    """An event of the installation. `id`: its id, to go on after it."""

    event: Literal["changed"]
    id: int
    data: Changed


SessionMessage = Annotated[
    SnapshotMessage | EventMessage | TickMessage | EndMessage, Field(discriminator="event", title="SessionMessage")
]


class Moved(View):
    """A session went on by a second. `names`: which, such as `progress:ses_..`."""

    names: list[str]


class MovedMessage(View):
    """Progress of the installation, no event: has no id and may be missed."""

    event: Literal["moved"]
    data: Moved


ChangeMessage = Annotated[
    ChangedMessage | MovedMessage | EndMessage, Field(discriminator="event", title="ChangeMessage")
]


After = Annotated[Whole | None, Query(description="the number after which events are wanted; the header wins over it")]
LastEventId = Annotated[str, Header(max_length=40, description="what a browser sends when it connects again")]
Types = Annotated[
    list[str], Query(max_length=50, description="only these, such as `session.completed`, or a family: `session.*`")
]


class Described(JSONResponse):
    """Never sent: how the description of a stream's messages gets beside its media type."""

    media_type = "text/event-stream"


@router.get(
    "/sessions/{id}/stream",
    response_class=Described,
    response_model=SessionMessage,
    response_description="events without end; each message is one of these, with `data` as JSON",
)
async def stream_session(
    request: Request, caller: Reader, id: SessionId, after: After = None, last_event_id: LastEventId = ""
) -> Response:
    """Follow one session: a snapshot, the events after the reader's number, then what happens."""
    app = app_of(request)
    await app.store.sessions.get(id)
    reader = SessionReader(app.store, id, _number(last_event_id, after))
    return EventStream(follow(app, f"session.{id}", reader, standing(request)))


@router.get(
    "/events",
    response_class=Described,
    response_model=ChangeMessage,
    response_description="events without end; or with `Accept: application/json` a page of them, oldest first",
    responses={200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/EventPage"}}}}},
)
async def stream_events(
    request: Request,
    caller: Reader,
    types: Types = [],  # noqa: B006 - never changed
    after: After = None,
    limit: Limit = 100,
    last_event_id: LastEventId = "",
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Follow everything that changes, by name; or read events, oldest first."""
    app = app_of(request)
    wanted = known_types(types)
    number = _number(last_event_id, after)
    if "application/json" in accept and "text/event-stream" not in accept:
        found = await app.store.events.after(number or 0, types=wanted, limit=limit)
        following = str(found[-1].id) if len(found) == limit else None
        shown = EventPage(items=[event_view(event) for event in found], next=following)
        return Response(shown.model_dump_json(), media_type="application/json")
    reader = ChangeReader(app.store, wanted, number)
    return EventStream(follow(app, "events", reader, standing(request)))


def _number(header: str, query: int | None) -> int | None:
    """Return the number after which a reader goes on; None: from now on."""
    if not header:
        return query
    if not (header.isascii() and header.isdigit() and len(header) <= 18):
        raise DocumentError("header", [Place("Last-Event-ID", "is not a number that a stream gave")])
    return int(header)
