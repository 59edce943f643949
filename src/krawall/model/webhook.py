"""Who is told of events: a URL, which types, and how deliveries are going."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from krawall.model.base import Document, Record
from krawall.model.event import kinds


class Webhook(Document):
    """A subscription. `events` are types such as `session.completed`, or a family such as `session.*`; `*` is all."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(pattern=r"^https?://", max_length=2000)]
    events: Annotated[list[str], Field(min_length=1)] = ["session.*"]
    credential: str = Field("", description="name of the credential that holds the signing secret")
    enabled: bool = True

    @field_validator("events")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for wanted in value:
            if not any(matches(wanted, kind) for kind in kinds()):
                raise ValueError(f"no event is called {wanted!r}; known: {', '.join(kinds())}")
        return value


def matches(wanted: str, kind: str) -> bool:
    """Tell whether a subscription's word means an event's type."""
    return wanted in ("*", kind) or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))


class DeliveryState(StrEnum):
    """Where a delivery is: waiting for its next attempt, delivered, or given up."""

    waiting = "waiting"
    delivered = "delivered"
    failed = "failed"


class Attempt(Record, frozen=True):
    """One try at a delivery. `status`: of the answer, None when there was none. Times in ns since 1970, `took_ms` in ms."""

    at_ns: int
    took_ms: float
    status: int | None
    detail: str = ""


class Delivery(Record, frozen=True):
    """One event on its way to one webhook. `due_ns`: when to try next."""

    id: str
    webhook: str
    event: int
    state: DeliveryState
    attempts: list[Attempt]
    due_ns: int
    created_ns: int
