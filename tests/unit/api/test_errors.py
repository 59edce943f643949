"""Every error is a problem document; what is ours says nothing of itself and is logged with its cause."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from krawall import errors
from krawall.api.errors import CODES, MEDIA_TYPE, STATUS, Boundary, install, status_of
from krawall.errors import DocumentError, KrawallError, NotFound, Place, Stale, TooLarge, TooMany, Unavailable


def tree(base: type[KrawallError]) -> list[type[KrawallError]]:
    return [inner for cls in base.__subclasses__() for inner in [cls, *tree(cls)] if cls.__module__ == errors.__name__]


class Wanted(BaseModel):
    name: str


@pytest.fixture
def api() -> FastAPI:
    api = FastAPI()
    raised = {
        "missing": NotFound("there is no x", hint="look for y"),
        "stale": Stale("changed"),
        "often": TooMany("slowly", retry_after_s=2.6),
        "away": Unavailable("the database is away"),
        "wrong": DocumentError("a.yaml", [Place("steps.0", "is missing", 3), Place("", "twice")]),
        "bug": ValueError("hunter2"),
    }

    @api.get("/raise/{what}")
    async def get(what: str, count: int = 0) -> None:
        raise raised[what]

    @api.post("/raise/{what}")
    async def post(what: str, body: Wanted) -> None: ...

    @api.put("/raise/once")
    async def put() -> None: ...

    @api.get("/begun")
    async def begun() -> StreamingResponse:
        async def source():
            yield b"x"
            raise ValueError("hunter2")

        return StreamingResponse(source())

    api.state.routes = [route for route in api.routes if hasattr(route, "methods")]
    install(api)
    api.add_middleware(Boundary)
    return api


def test_every_class_of_the_tree_has_a_status():
    assert set(STATUS) == set(tree(KrawallError))
    assert status_of(errors.KrawallError("x")) == 500


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/raise/missing", 404, "not_found"), ("/raise/stale", 412, "stale"), ("/raise/often", 429, "throttled"),
        ("/raise/away", 503, "unavailable"), ("/raise/wrong", 422, "document"), ("/raise/bug", 500, "internal"),
        ("/nothing", 404, "not_found"), ("/raise/missing?count=x", 422, "request"),
    ],
)  # fmt: skip
async def test_errors_are_problem_documents(client, api, path, status, code):
    async with client(api) as calling:
        answer = await calling.get(path)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert body["type"] == f"urn:krawall:error:{code}"
    assert body["request_id"].startswith("req_")


async def test_a_hint_and_every_place_are_told(client, api):
    async with client(api) as calling:
        missing = (await calling.get("/raise/missing")).json()
        wrong = (await calling.get("/raise/wrong")).json()
        invalid = (await calling.get("/raise/missing?count=x")).json()
    assert (missing["detail"], missing["hint"]) == ("there is no x", "look for y")
    assert wrong["detail"] == "a.yaml: 2 errors"
    assert wrong["places"] == [
        {"path": "steps.0", "message": "is missing", "line": 3},
        {"path": "", "message": "twice"},
    ]
    assert [place["path"] for place in invalid["places"]] == ["query.count"]


async def test_who_is_throttled_learns_when_to_come_again(client, api):
    async with client(api) as calling:
        assert (await calling.get("/raise/often")).headers["retry-after"] == "3"


async def test_our_own_errors_are_logged_and_say_nothing(client, api, caplog):
    with caplog.at_level(logging.ERROR, "krawall.api"):
        async with client(api) as calling:
            answer = await calling.get("/raise/bug")
    (record,) = caplog.records
    assert "hunter2" not in answer.text
    assert answer.json()["request_id"] in record.getMessage()
    assert isinstance(record.exc_info[1], ValueError)


async def test_an_answer_that_has_begun_is_cut(client, api):
    async with client(api) as calling:
        with pytest.raises(ValueError, match="hunter2"):
            await calling.get("/begun")


async def test_a_method_that_the_path_does_not_have_names_all_that_it_has(client, api):
    async with client(api) as calling:
        answer = await calling.delete("/raise/x")
        other = await calling.delete("/raise/once")
    assert (answer.status_code, answer.json()["code"]) == (405, "method")
    assert (answer.headers["allow"], other.headers["allow"]) == ("GET, POST", "PUT")


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"", 422), (b"\xff", 400), (b"[]", 422), (b"[" * 99_999, 400)]
)
async def test_bodies_that_are_not_what_is_wanted(client, api, body, status):
    async with client(api) as calling:
        answer = await calling.post("/raise/x", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)


async def test_an_error_of_a_layer_around_the_routes_is_told_too(client):
    async def refusing(scope, receive, send):
        raise TooLarge("too much")

    async with client(Boundary(refusing)) as calling:
        answer = await calling.get("/")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_an_error_while_a_body_is_read_keeps_its_meaning(client, api):
    async def pieces():
        yield b"{"
        raise TooLarge("too much")

    async with client(api) as calling:
        answer = await calling.post("/raise/x", content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_codes_of_the_http_layer_are_those_of_the_tree_where_it_has_one():
    ours = {cls.code: status for cls, status in STATUS.items()}
    assert all(ours.get(code, status) == status for status, code in CODES.items())
