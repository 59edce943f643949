"""What sessions and events look like in answers, and the checks on what a path or a query may say. Times are ISO 8601 in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar, Union

from fastapi import Path, Query, Request
from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, WithJsonSchema, create_model
from pydantic_core import CoreSchema

from krawall.api.records import AsModel, View, model_of
from krawall.clock import iso
from krawall.errors import DocumentError, Place
from krawall.model.base import PICO_PER_USD
from krawall.model.event import Event, EventBody, kind_of, kinds, to_json
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.model.summary import Picture, Point, Summary
from krawall.model.webhook import matches

if TYPE_CHECKING:
    from krawall.app import App

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
MOST = 2**53  # the largest whole number that JSON readers agree on; databases take more

SessionId = Annotated[str, Path(alias="id", min_length=1, max_length=64, description="id of a session")]
Words = Annotated[str, Query(max_length=200)]
Whole = Annotated[int, Query(ge=0, le=MOST)]
Limit = Annotated[int, Query(ge=1, le=200, description="how many items a page has at most")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before; left out for the first")]
Search = Annotated[str, Query(max_length=200, description="text that must be in it")]
Time = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T06:15:00.000Z"]})
]
"""Wall clock, ISO 8601 in UTC, to the millisecond."""


def _moment(value: object) -> object:
    if isinstance(value, str) and not _DAY.match(value):
        raise ValueError("is not a time such as 2026-11-23T06:15:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A time in a query: ISO 8601, UTC when it names no zone. Pydantic alone would take numbers too."""

T = TypeVar("T")
S = TypeVar("S")


class Page(View, Generic[T]):
    """A part of a list. `next` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None


def page(found: Sequence[S], following: str | None, show: Callable[[S], T]) -> Page[T]:
    """Return a page of what a repository found."""
    return Page(items=[show(each) for each in found], next=following)


def app_of(request: Request) -> App:
    """Return the app that the API was made over."""
    app: App = request.app.state.krawall
    return app


class WishView(View):
    """What a person wants of a running session."""

    stop: Literal["no", "drain", "now"]
    paused: bool
    users: int | None
    rate: float | None


class SessionView(View):
    """A session. Counts and money are those of the last second, or final."""

    id: str
    name: str
    scenario: str
    target: str
    plan_hash: str
    seed: int
    shards: int
    state: State
    outcome: Outcome | None
    verdict: Verdict | None
    exit_code: int | None
    reason: str
    reason_kind: str
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    restart_of: str | None
    actor: str
    wish: WishView
    conversations: int
    turns: int
    errors: int
    cost_usd: float
    p95_ms: float | None
    compacted: bool
    events: int = Field(description="how many events it has: the number of the newest")


class SessionDetail(SessionView):
    """A session with its result or live picture, and why it is not getting on, if it is not."""

    summary: Annotated[Summary | None, AsModel()]
    picture: Annotated[Picture | None, AsModel()]
    diagnosis: list[str]


class TickView(View):
    """One second of a session."""

    second: int
    point: Annotated[Point, AsModel()]


class EventView(View):
    """Something that happened. `id` orders all events, `number` those of one session; `data` depends on `type`."""

    id: int
    type: str
    session: str | None
    number: int | None
    at: Time
    actor: str
    data: dict[str, Any]


def _event_views() -> dict[str, type[EventView]]:
    """Return type of event -> the model of its answer."""
    made = {}
    for body in EventBody.__args__:
        tag = str(body.__struct_config__.tag)
        fields: dict[str, Any] = {"type": (Literal[tag], ...), "data": (model_of(body), ...)}
        made[tag] = create_model(f"{body.__name__}Event", __base__=EventView, __doc__=body.__doc__, **fields)
    return made


_VIEWS = _event_views()


class _ByType:
    """Stands for one model per type of event, told apart by `type`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = tuple(_VIEWS.values())
        return handler.generate_schema(Annotated[Union[choices], Field(discriminator="type")])  # noqa: UP007


AnyEvent = Annotated[EventView, _ByType()]
"""An event as answers show it: a closed union over `type`."""


class EventPage(View):
    """A part of a list of events. `next`: what gives the part after it, null at the end."""

    items: list[AnyEvent]
    next: str | None


def session_fields(session: Session) -> dict[str, Any]:
    """Return a session as answers show it, as plain data."""
    wish = session.wish
    return {
        "id": session.id,
        "name": session.name,
        "scenario": session.scenario,
        "target": session.target,
        "plan_hash": session.plan_hash,
        "seed": session.seed,
        "shards": session.shards,
        "state": session.state.value,
        "outcome": session.outcome,
        "verdict": session.verdict,
        "exit_code": session.exit_code,
        "reason": session.reason,
        "reason_kind": session.reason_kind,
        "created_at": iso(session.created_ns),
        "started_at": iso(session.started_ns) if session.started_ns is not None else None,
        "finished_at": iso(session.finished_ns) if session.finished_ns is not None else None,
        "restart_of": session.restart_of or None,
        "actor": session.actor,
        "wish": {"stop": wish.stop, "paused": wish.paused, "users": wish.users, "rate": wish.rate},
        "conversations": session.conversations,
        "turns": session.turns,
        "errors": session.errors,
        "cost_usd": session.cost_pico / PICO_PER_USD,
        "p95_ms": session.p95_ms,
        "compacted": session.compacted,
        "events": session.events,
    }


def session_view(session: Session) -> SessionView:
    """Return a session as answers show it."""
    return SessionView.model_validate(session_fields(session))


def event_fields(event: Event) -> dict[str, Any]:
    """Return an event as answers show it, as plain data."""
    shown = to_json(event)
    at_ns = shown.pop("at_ns")
    return {**shown, "at": iso(at_ns)}


def event_view(event: Event) -> EventView:
    """Return an event as answers show it, of the model of its type."""
    return _VIEWS[kind_of(event.body)].model_validate(event_fields(event))


def nanoseconds(moment: datetime | None) -> int | None:
    """Return a time as ns since 1970, UTC when it names no zone; what a database cannot hold becomes its nearest."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(-(2**63), min(2**63 - 1, round(aware.timestamp() * 1e9)))


def known_types(types: list[str]) -> list[str] | None:
    """Return the types of events that a query names, None for all.

    Raises:
        DocumentError: no event is called so.
    """
    known = kinds()
    for wanted in types:
        if not any(matches(wanted, kind) for kind in known):
            raise DocumentError("query", [Place("types", f"no event is called {wanted!r}; known: {', '.join(known)}")])
    return types or None
