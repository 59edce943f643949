"""The audit view: what happened, newest first. Live streams are in `stream`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from krawall.api.auth import Reader
from krawall.api.shapes import Cursor, EventPage, Limit, Words, app_of, event_view, known_types
from krawall.api.stream import Types

router = APIRouter(prefix="/api/v1", tags=["events"])


@router.get("/audit")
async def list_audit(
    request: Request,
    caller: Reader,
    session: Words | None = None,
    types: Types = [],  # noqa: B006 - never changed
    actor: Words | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> EventPage:
    """List who did what, newest first."""
    found = await app_of(request).store.events.list(
        session=session, types=known_types(types), actor=actor, cursor=cursor, limit=limit
    )
    return EventPage(items=[event_view(event) for event in found.items], next=found.next)
