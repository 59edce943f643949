"""The description of the sessions' routes holds every shape of their answers and stream messages."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from krawall.api import events, messages, sessions, stream, system
from krawall.model.event import EventBody, kinds


@pytest.fixture(scope="module")
def described():
    api = FastAPI()
    for module in (sessions, messages, stream, events, system):
        api.include_router(module.router)
    return api.openapi()


def test_structs_appear_in_full(described):
    schemas = described["components"]["schemas"]
    assert "by_turn" in schemas["Summary"]["properties"]
    for name in (
        "Picture",
        "Point",
        "Numbers",
        "Judged",
        "Generator",
        "Rates",
        *(body.__name__ for body in EventBody.__args__),
    ):
        assert schemas[name]["properties"] or name in ("SessionPaused", "SessionResumed"), name


@pytest.mark.parametrize(
    ("path", "messages"),
    [
        ("/api/v1/sessions/{id}/stream", {"snapshot", "event", "tick", "end"}),
        ("/api/v1/events", {"changed", "moved", "end"}),
    ],
)
def test_each_message_of_a_stream_is_described(described, path, messages):
    schema = described["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert "type" not in schema
    assert set(schema["discriminator"]["mapping"]) == messages


def test_events_are_told_apart_by_type(described):
    items = described["components"]["schemas"]["EventPage"]["properties"]["items"]["items"]
    assert set(items["discriminator"]["mapping"]) == set(kinds())


def test_every_route_has_a_name_of_its_own_and_says_what_it_does(described):
    routes = [operation for item in described["paths"].values() for operation in item.values()]
    assert all(operation["description"] for operation in routes)
    names = [route.name for module in (sessions, messages, stream, events, system) for route in module.router.routes]
    assert len(names) == len(set(names))
