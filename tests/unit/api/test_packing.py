"""Answers in JSON are packed for who takes it so, and nothing else is."""

from __future__ import annotations

import gzip

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from krawall.api.packing import MOST, WORTH_PACKING, Packing

LONG = {"seconds": [{"at": number, "p95": 1.5} for number in range(200)]}


async def answer(request: Request) -> Response:
    async def parts():
        yield b'{"a": "'
        yield b"x" * 5_000
        yield b'"}'

    kinds = {
        "long": lambda: JSONResponse(LONG, headers={"ETag": '"7"'}),
        "short": lambda: JSONResponse({"a": 1}),
        "problem": lambda: Response(b"x" * 5_000, 400, media_type="application/problem+json"),
        "file": lambda: Response(b"x" * 5_000, media_type="text/csv"),
        "stream": lambda: StreamingResponse(parts(), media_type="application/json"),
        "packed": lambda: Response(
            gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}, media_type="application/json"
        ),
        "huge": lambda: Response(b"1" * (MOST + 1), media_type="application/json"),
    }
    return kinds[request.path_params["kind"]]()


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Packing(Starlette(routes=[Route("/{kind}", answer)])))


def test_a_long_answer_is_packed_and_reads_as_before(client):
    plain = client.get("/long", headers={"accept-encoding": "identity"})
    found = client.get("/long", headers={"accept-encoding": "br, gzip"})
    assert found.headers["content-encoding"] == "gzip"
    assert int(found.headers["content-length"]) < len(plain.content) / 4
    assert found.json() == plain.json() == LONG
    assert found.headers["vary"] == "Accept-Encoding"
    assert found.headers["etag"] == plain.headers["etag"]
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("kind", ["short", "problem", "file", "stream", "huge"])
def test_what_is_not_worth_it_or_no_json_goes_as_it_is(client, kind):
    found = client.get(f"/{kind}", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in found.headers
    assert kind != "short" or len(found.content) < WORTH_PACKING


def test_what_is_packed_is_not_packed_twice(client):
    assert client.get("/packed", headers={"accept-encoding": "gzip"}).json() == {}
