"""Bytes of a request are counted as they come, requests by who sends them; both tables are bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from krawall.api.limits import BodyLimit, Buckets, RateLimit, sender
from krawall.errors import TooLarge, TooMany
from krawall.model.account import Caller
from krawall.model.base import NS_PER_S


async def measured(scope: Scope, receive: Receive, send: Send) -> None:
    size = len(await Request(scope, receive).body())
    await PlainTextResponse(str(size))(scope, receive, send)


def client(app: ASGIApp, address: str = "192.0.2.1") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, client=(address, 1234))
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def in_parts(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield bytes(size)


async def test_a_body_up_to_the_limit_passes() -> None:
    async with client(BodyLimit(measured, most=100)) as web:
        assert (await web.post("/", content=bytes(100))).text == "100"
        assert (await web.post("/", content=in_parts(60, 40))).text == "100"
        assert (await web.get("/")).text == "0"


async def test_more_is_refused_by_its_length_before_a_byte_is_read() -> None:
    async def unread(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the route was asked")

    async with client(BodyLimit(unread, most=100)) as web:
        with pytest.raises(TooLarge, match="100 bytes"):
            await web.post("/", content=bytes(101))
        with pytest.raises(TooLarge):
            await web.post("/", content=b"", headers={"content-length": "9" * 50})


async def test_more_is_refused_as_it_comes_when_no_length_was_told() -> None:
    read = 0

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal read
        while True:
            read += len((await receive()).get("body", b""))

    async with client(BodyLimit(reading, most=100)) as web:
        with pytest.raises(TooLarge):
            await web.post("/", content=in_parts(*[40] * 1000))
    assert read == 80


async def test_some_paths_may_have_more() -> None:
    async with client(BodyLimit(measured, most=100, longer={"/import": 1000})) as web:
        assert (await web.post("/import", content=bytes(1000))).text == "1000"
        with pytest.raises(TooLarge):
            await web.post("/import", content=bytes(1001))
        with pytest.raises(TooLarge):
            await web.post("/import/more", content=bytes(101))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3 * NS_PER_S)), max_size=80),
    st.floats(0.5, 50),
    st.integers(1, 10),
)
def test_no_key_gets_more_than_rate_and_burst_allow(tries: list[tuple[str, int]], per_s: float, burst: int) -> None:
    buckets, now = Buckets(per_s, burst), 0
    taken: dict[str, list[int]] = {}
    for key, later_ns in tries:
        now += later_ns
        wait_s = buckets.take(key, now)
        if wait_s == 0:
            taken.setdefault(key, []).append(now)
        else:
            assert buckets.take(key, now + int(wait_s * NS_PER_S) + 1) == 0
            taken.setdefault(key, []).append(now + int(wait_s * NS_PER_S) + 1)
    for moments in taken.values():
        moments.sort()
        for first in range(len(moments)):
            for last in range(first, len(moments)):
                span_s = (moments[last] - moments[first]) / NS_PER_S
                assert last - first + 1 <= span_s * per_s + burst + 1e-6


def test_buckets_are_bounded_and_a_busy_key_keeps_its_own() -> None:
    buckets = Buckets(1, 2, most=3)
    for number in range(100):
        buckets.take(f"other {number}", 0)
        busy = buckets.take("busy", 0)
        assert len(buckets) <= 3
        if number == 1:
            assert busy == 0
    assert buckets.take("other 0", 0) == 0


def as_caller(app: ASGIApp, name: str) -> ASGIApp:
    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = scope.setdefault("state", {})
        state["caller"] = Caller(name, frozenset(), user=f"usr_{name}")
        await app(scope, receive, send)

    return known


async def test_callers_and_senders_have_buckets_of_their_own() -> None:
    now = 0
    limited = RateLimit(measured, per_s=1, burst=2, now_ns=lambda: now)
    for app, address in (
        (limited, "192.0.2.1"),
        (limited, "192.0.2.2"),
        (as_caller(limited, "ann"), "192.0.2.2"),
        (as_caller(limited, "bob"), "192.0.2.2"),
    ):
        async with client(app, address) as web:
            assert [(await web.get("/")).status_code for _ in range(2)] == [200, 200]
            with pytest.raises(TooMany) as throttled:
                await web.get("/")
            assert throttled.value.retry_after_s == 1
    now = NS_PER_S
    async with client(limited) as web:
        assert (await web.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("address", "known"), [(("2001:db8::1", 1), "2001:db8::/64"), (("192.0.2.1", 1), "192.0.2.1"), (None, "")]
)
def test_a_sender_is_an_address_or_a_network(address: tuple[str, int] | None, known: str) -> None:
    assert sender({"type": "http", "client": address}) == known
