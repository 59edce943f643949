"""Events as answers show them; times; what a query may name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.api.shapes import (
    Page,
    event_fields,
    event_view,
    known_types,
    nanoseconds,
    page,
    session_fields,
    session_view,
)
from krawall.clock import iso
from krawall.errors import DocumentError
from krawall.model.base import PICO_PER_USD
from krawall.model.event import Event, EventBody, SessionQueued, kind_of
from krawall.model.session import Session, State


def a_body(kind):
    """Return an event's body with something in every field."""
    hints = get_type_hints(kind)
    given = {str: "x", int: 1, float: 1.5, bool: True}
    return kind(**{field.name: given.get(hints[field.name]) for field in msgspec.structs.fields(kind)})


@pytest.mark.parametrize("kind", EventBody.__args__)
def test_every_type_of_event_is_shown_with_all_of_its_data(kind):
    event = Event(5, 1_700_000_000_000_000_000, "ada", a_body(kind), "ses_1", 2)
    shown = event_view(event).model_dump()
    assert shown == event_fields(event)
    assert shown["type"] == kind_of(event.body)
    assert shown["at"] == "2023-11-14T22:13:20.000Z"


def test_a_page_of_events_is_told_apart_by_type():
    event = Event(5, 0, "ada", SessionQueued("s", "0", 1), "ses_1", 2)
    assert page([event], "next", event_view).items[0].data.plan_hash == "0"
    assert Page[int](items=[1], next=None).next is None


@given(st.integers(0, 9_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_times_come_back_as_they_were(moment):
    assert abs(datetime.fromtimestamp(nanoseconds(moment) / 1e9, UTC) - moment) <= timedelta(microseconds=1)


@given(st.datetimes())
def test_any_time_fits_a_database(moment):
    assert -(2**63) <= nanoseconds(moment) < 2**63


def test_a_time_without_a_zone_is_utc():
    here = datetime(2026, 11, 23, 7, 15, tzinfo=timezone(timedelta(hours=1)))
    assert nanoseconds(datetime.fromisoformat("2026-11-23T06:15:00")) == nanoseconds(here)
    assert nanoseconds(None) is None
    assert iso(nanoseconds(here)) == "2026-11-23T06:15:00.000Z"


def test_a_session_is_shown_in_usd_and_utc():
    session = Session(
        "ses_1", "n", "s", "t", "0", 7, 1, State.queued, 1_700_000_000_000_000_000, "ada", cost_pico=PICO_PER_USD // 4
    )
    shown = session_view(session).model_dump(mode="json")
    assert shown == session_fields(session)
    assert (shown["cost_usd"], shown["restart_of"], shown["started_at"]) == (0.25, None, None)


def test_types_of_events_may_be_families():
    assert known_types([]) is None
    assert known_types(["session.*", "worker.lost"]) == ["session.*", "worker.lost"]
    with pytest.raises(DocumentError, match=r"sunrise"):
        known_types(["sunrise"])
