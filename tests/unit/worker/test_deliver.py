"""When a delivery is tried again, when it is given up, and whom a webhook may reach."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import Refused
from krawall.guard.hosts import parse_url
from krawall.model.base import NS_PER_S
from krawall.model.event import Event, SessionCompleted, SessionDeleted
from krawall.model.webhook import Attempt, Delivery, DeliveryState
from krawall.worker.deliver import FIRST_WAIT_S, GIVE_UP_S, LONGEST_WAIT_S, after, body_of, checked_address, wait_s

BEGAN_NS = 1_700_000_000_000_000_000


def delivery(attempts: int = 0) -> Delivery:
    before = [Attempt(BEGAN_NS, 1.0, 500)] * attempts
    return Delivery("dlv_1", "whk_1", 7, DeliveryState.waiting, before, BEGAN_NS, BEGAN_NS)


@given(st.text(), st.integers(0, 1_000))
def test_waits_grow_with_jitter_and_are_bounded(id, before):
    wait = wait_s(id, before)
    plain = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.5 ** min(before, 30))
    assert 0.8 * plain <= wait <= 1.2 * plain
    assert wait_s(id, before) == wait


def test_the_first_wait_is_about_five_seconds():
    assert 4 <= wait_s("dlv_1", 0) <= 6
    assert wait_s("dlv_1", 0) != wait_s("dlv_2", 0)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_success_is_delivered(status):
    assert after(delivery(), Attempt(BEGAN_NS, 1.0, status)) == (DeliveryState.delivered, 0)


@pytest.mark.parametrize("status", [None, 100, 301, 400, 404, 429, 500, 503])
def test_anything_else_is_tried_again(status):
    state, due_ns = after(delivery(3), Attempt(BEGAN_NS + 5, 1.0, status))
    assert state is DeliveryState.waiting
    assert due_ns == BEGAN_NS + 5 + round(wait_s("dlv_1", 3) * NS_PER_S)


def test_gone_is_the_end():
    assert after(delivery(), Attempt(BEGAN_NS, 1.0, 410)) == (DeliveryState.failed, 0)


def test_a_delivery_that_always_fails_is_given_up_within_a_day():
    now, attempts = BEGAN_NS, 0
    state = DeliveryState.waiting
    while state is DeliveryState.waiting:
        state, due_ns = after(delivery(attempts), Attempt(now, 1.0, 500))
        attempts += 1
        now = due_ns or now
        assert now <= BEGAN_NS + GIVE_UP_S * NS_PER_S
    assert state is DeliveryState.failed
    assert 10 <= attempts <= 20
    assert now > BEGAN_NS + 0.7 * GIVE_UP_S * NS_PER_S


def test_a_message_has_type_timestamp_and_data():
    event = Event(9, BEGAN_NS, "ada", SessionCompleted("passed", 0), "ses_1", 4)
    assert json.loads(body_of(event)) == {
        "type": "session.completed", "timestamp": "2023-11-14T22:13:20.000Z", "id": 9, "session": "ses_1", "number": 4,
        "actor": "ada", "data": {"verdict": "passed", "exit_code": 0},
    }  # fmt: skip
    deleted = Event(9, BEGAN_NS, "ada", SessionDeleted("ses_1", "Late parcel"))
    assert json.loads(body_of(deleted))["data"] == {"session": "ses_1", "name": "Late parcel"}


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://10.0.0.1/", "http://[::1]/", "http://192.168.1.1:8080/"])
async def test_private_addresses_need_leave(url):
    with pytest.raises(Refused, match="webhooks do not go there"):
        await checked_address(parse_url(url), False)
    assert await checked_address(parse_url(url), True) == parse_url(url).host


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://0.0.0.0/", "http://224.0.0.1/", "http://[fe80::1]/"]
)
@pytest.mark.parametrize("private", [False, True])
async def test_nobody_is_made_to_talk_to_metadata_or_everybody(url, private):
    with pytest.raises(Refused):
        await checked_address(parse_url(url), private)


async def test_names_are_judged_by_what_they_resolve_to():
    with pytest.raises(Refused, match="localhost is at"):
        await checked_address(parse_url("http://localhost/"), False)
