"""Whatever is sent to whichever route, the answer is one that the description names, and never an error of ours."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx2
import pytest

from krawall.testing.documents import BODIES

TEXTS = ["%F0%9F%92%A5", "%00", "..%2f", "9" * 40, "a" * 3_000]
VALUES = ["", "\U0001f4a5", "\0", "9" * 40, "2" + "0" * 18]
DATA: list[Any] = [
    None, 10**30, "\0", "\ud800", [], {}, {"": None}, {"name": "x" * 10_000, "body": {}}, {"value": "\ud800"},
    {"body": {"name": "a", "steps": [{"loop": 10**18, "steps": ["x"]}]}}, {"ids": ["\0"], "deed": "stop"},
    {"scenario": {"name": "x", "steps": ["{{ 'a' * 10**9 }}"]}}, {"name": "a", "body": {"body": {"x": 2**70}}},
]  # fmt: skip
KINDS = ("application/json", "application/yaml", "multipart/form-data; boundary=x", "application/zip", "x/y")
METHODS = ("get", "put", "post", "delete", "patch")


def operations(whole: dict[str, Any]):
    for path, item in whole["paths"].items():
        for method in METHODS:
            if method in item:
                answers = item[method]["responses"]
                streams = any("text/event-stream" in answer.get("content", {}) for answer in answers.values())
                if not streams:
                    yield method.upper(), path, item[method]


def filled(path: str, values: tuple[str, ...]) -> str:
    parts = path.split("/")
    chosen = itertools.cycle(values)
    return "/".join(next(chosen) if part.startswith("{") else part for part in parts)


def requests(method: str, path: str, operation: dict[str, Any]):
    known = ("first",)
    queries = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    headers = {"If-Match": "*"}
    if "{" in path:
        for text in TEXTS:
            yield method, filled(path, (text,)), {}, headers, b""
    for name, value in itertools.product(queries, VALUES):
        yield method, filled(path, known), {name: value}, headers, b""
    if "requestBody" in operation:
        for data in DATA:
            yield (
                method,
                filled(path, known),
                {},
                {**headers, "content-type": "application/json"},
                json.dumps(data).encode(),
            )
        for kind, body in itertools.product(KINDS, (b"", b"\xff{", b'a: "\\0"')):
            yield method, filled(path, known), {}, {**headers, "content-type": kind}, body


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
async def test_no_input_is_an_error_of_ours(client, api, app):
    for kind, body in BODIES.items():
        await client.post(f"/{kind}", json={"name": "first", "body": body})
    whole = api.openapi()
    wrong = []
    async with httpx2.AsyncClient(transport=client._transport, base_url="http://localhost") as calling:
        for method, path, operation in operations(whole):
            if path in ("/api/v1/users", "/api/v1/logout"):  # an account would end the local mode that the others need
                continue
            for sent in requests(method, path, operation):
                answer = await calling.request(sent[0], sent[1], params=sent[2], headers=sent[3], content=sent[4])
                good = answer.status_code < 500 or (answer.status_code == 503 and path == "/api/health/ready")
                kind = answer.headers.get("content-type", "")
                if answer.status_code >= 400 and not kind.startswith("application/problem+json"):
                    good = False
                routed = str(answer.status_code) in operation["responses"] or answer.status_code in (404, 405)
                if not (good and routed):
                    wrong.append((sent, answer.status_code, answer.text[:200]))
    assert wrong == []


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PROPFIND", "HEAD", "PATCH"])
async def test_unknown_methods_name_those_that_there_are(client, method):
    answer = await client.request(method, "/targets")
    assert (answer.status_code, answer.headers.get("allow")) == (405, "GET, POST")


async def test_the_description_is_served(client):
    answer = await client.get("http://localhost/api/openapi.json")
    assert (answer.status_code, answer.json()["openapi"][:2]) == (200, "3.")
    for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/targets/"):
        assert (await client.get(f"http://localhost{path}")).status_code in (404, 405)


async def test_requests_are_bounded(client):
    answer = await client.post("/targets", content=b"x" * 33_000_000, headers={"content-type": "application/yaml"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
