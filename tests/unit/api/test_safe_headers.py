"""What every answer carries, errors included, and what it does not overwrite."""

from __future__ import annotations

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.contextvars import get_contextvars

from krawall.api.headers import ALWAYS, SafeHeaders


async def seen(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Content-Security-Policy": "default-src 'none'"} if scope["path"] == "/own" else {}
    answer = PlainTextResponse(f"{scope['state']['request_id']} {get_contextvars().get('request_id')}", headers=headers)
    await answer(scope, receive, send)


async def get(path: str, base: str = "http://127.0.0.1", https: bool = False, **headers: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=SafeHeaders(seen, https=https))
    async with httpx2.AsyncClient(transport=transport, base_url=base) as web:
        return await web.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_every_answer_has_the_security_headers() -> None:
    answer = await get("/page")
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in answer.headers
    assert "cache-control" not in answer.headers


async def test_what_a_route_sets_itself_stays() -> None:
    answer = await get("/own")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'"]


async def test_answers_of_the_api_are_not_stored() -> None:
    assert (await get("/api/v1/sessions")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("base", "https"), [("https://127.0.0.1", False), ("http://127.0.0.1", True)])
async def test_https_is_kept_to_where_it_is_spoken(base: str, https: bool) -> None:
    assert (await get("/", base, https)).headers["strict-transport-security"] == "max-age=31536000"


async def test_a_sane_request_id_is_taken_and_given_to_logs() -> None:
    answer = await get("/", x_request_id="abc-123_X.9")
    assert answer.headers["x-request-id"] == "abc-123_X.9"
    assert answer.text == "abc-123_X.9 abc-123_X.9"
    assert "request_id" not in get_contextvars()


@pytest.mark.parametrize("asked", ["", "short", "x" * 65, "with space", "a\tb-12345678", "<script>alert</script>"])
async def test_another_one_is_replaced(asked: str) -> None:
    answer = await get("/", x_request_id=asked)
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.text == f"{answer.headers['x-request-id']} {answer.headers['x-request-id']}"


async def test_each_request_has_its_own_id() -> None:
    assert (await get("/")).text != (await get("/")).text
