"""The edge lets through what can be kept, byte for byte, and refuses the rest before any route sees it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from krawall.api.edge import Edge, unfit
from krawall.services.keepable import unkeepable

JSON = {"content-type": "application/json"}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


async def echo(scope, receive, send):
    await Response(await Request(scope, receive).body())(scope, receive, send)


@given(ANY, st.booleans())
def test_a_body_is_refused_when_it_holds_what_cannot_be_kept(data, ascii_only):
    body = json.dumps(data, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        seen = json.loads(body)
    except ValueError:
        return  # halves of characters as bytes are not UTF-8: the route refuses them
    assert bool(unfit(body)) == bool(unkeepable(seen))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"a": "x\\u0000"}', "body.a"),
        (b'{"a": ["\\ud800"]}', "body.a.0"),
        (b'{"a\\u0000": 1}', "body"),
        (b'{"a": 1e999}', "body.a"),
        (b'{"a": NaN}', "body.a"),
        (b'{"a": 99999999999999999999}', "body.a"),
    ],
)
async def test_refusals_name_their_place(client, body, path):
    async with client(Edge(echo)) as calling:
        answer = await calling.post("/", content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [place["path"] for place in answer.json()["places"]] == [path]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\x00", b'{"a": "\\\\u0000"}', b'{"a": "NaN 1234567890123456789"}', b"[" * 99_999]
)
async def test_what_is_fit_or_no_json_passes_as_it_came(client, body):
    async with client(Edge(echo)) as calling:
        answer = await calling.post("/", content=body, headers=JSON)
    assert (answer.status_code, answer.content) == (200, body)


async def test_bodies_of_other_kinds_are_not_read(client):
    async with client(Edge(echo)) as calling:
        answer = await calling.post("/", content=b'"\\u0000"', headers={"content-type": "application/yaml"})
    assert answer.status_code == 200


@pytest.mark.parametrize(("url", "where"), [("/a%00b", "path"), ("/?a=%00", "query"), ("/?%00=a", "query")])
async def test_nul_in_the_url_is_refused(client, url, where):
    async with client(Edge(echo)) as calling:
        answer = await calling.get(url)
    assert (answer.status_code, answer.json()["detail"]) == (400, f"the {where} has a NUL character")


async def test_a_body_in_pieces_is_looked_at_as_a_whole(client):
    async def pieces():
        yield b'{"a": "\\u00'
        yield b'00"}'

    async with client(Edge(echo)) as calling:
        answer = await calling.post("/", content=pieces(), headers=JSON)
    assert answer.status_code == 422
