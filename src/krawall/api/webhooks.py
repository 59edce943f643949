"""Deliveries of webhooks and their secrets. As documents, webhooks have the routes of `api.documents`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field

from krawall.api.auth import Admin, Reader, Runner
from krawall.api.documents import DocumentId
from krawall.api.records import View
from krawall.api.shapes import Cursor, Limit, Page, Time, app_of, page
from krawall.clock import iso
from krawall.model.webhook import Attempt, Delivery, DeliveryState

router = APIRouter(prefix="/api/v1", tags=["webhooks"])

DeliveryId = Annotated[str, Path(alias="id", min_length=1, max_length=64, description="id of a delivery")]


class AttemptView(View):
    """One try. `status`: of the answer, null when there was none; `detail`: what went wrong."""

    at: Time
    took_ms: float
    status: int | None
    detail: str


class DeliveryView(View):
    """One event on its way to one webhook."""

    id: str
    webhook: str
    event: int
    state: DeliveryState
    attempts: list[AttemptView] = Field(description="oldest first")
    due_at: Time | None = Field(description="when it is tried next; null when it is not")
    created_at: Time


class NewSecret(View):
    """A signing secret, shown this once. The one before signs too until the next change."""

    secret: str


@router.post(
    "/webhooks/{id}/test",
    name="test_webhook",
    summary="Send a trial event",
    status_code=202,
    response_model=DeliveryView,
    responses={
        202: {
            "links": {
                operation: {"operationId": operation, "parameters": {"id": "$response.body#/id"}}
                for operation in ("get_delivery", "resend_delivery")
            }
        }
    },
)
async def test_webhook(request: Request, caller: Runner, id: DocumentId) -> Any:
    """Send a trial event to this webhook, whatever it subscribes to."""
    return shown(await app_of(request).webhooks.test(id, caller.name))


@router.post(
    "/webhooks/{id}/secret", name="renew_webhook_secret", summary="Make a new signing secret", response_model=NewSecret
)
async def renew_webhook_secret(request: Request, caller: Admin, id: DocumentId) -> Any:
    """Make a new secret and show it this once. A webhook without a credential gets one of its own."""
    app = app_of(request)
    return NewSecret(secret=await app.webhooks.new_secret(id, caller.name, app.vault))


@router.get(
    "/webhooks/{id}/deliveries",
    name="list_deliveries",
    summary="List the deliveries of a webhook",
    response_model=Page[DeliveryView],
)
async def list_deliveries(
    request: Request, caller: Reader, id: DocumentId, cursor: Cursor = None, limit: Limit = 50
) -> Any:
    """Return deliveries, the newest event first."""
    found = await app_of(request).webhooks.deliveries(id, cursor, limit)
    return page(found.items, found.next, shown)


@router.get("/deliveries/{id}", name="get_delivery", summary="Show a delivery", response_model=DeliveryView)
async def get_delivery(request: Request, caller: Reader, id: DeliveryId) -> Any:
    """Return a delivery with its attempts."""
    return shown(await app_of(request).webhooks.delivery(id))


@router.post(
    "/deliveries/{id}/resend",
    name="resend_delivery",
    summary="Send a delivery again",
    status_code=202,
    response_model=DeliveryView,
)
async def resend_delivery(request: Request, caller: Runner, id: DeliveryId) -> Any:
    """Send it once more, whatever became of it. Its receiver sees the same message id."""
    return shown(await app_of(request).webhooks.resend(id))


def shown(delivery: Delivery) -> DeliveryView:
    """Return a delivery as answers show it."""
    waiting = delivery.state is DeliveryState.waiting
    return DeliveryView(
        id=delivery.id,
        webhook=delivery.webhook,
        event=delivery.event,
        state=delivery.state,
        attempts=[_attempt(each) for each in delivery.attempts],
        due_at=iso(delivery.due_ns) if waiting else None,
        created_at=iso(delivery.created_ns),
    )


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(at=iso(attempt.at_ns), took_ms=attempt.took_ms, status=attempt.status, detail=attempt.detail)
