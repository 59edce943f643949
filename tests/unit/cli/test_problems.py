"""A problem document of a server becomes the error that it was there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from krawall import errors
from krawall.cli.problems import error_of
from krawall.errors import DocumentError, Internal, KrawallError, Place, TooMany, Unauthorized, Unavailable

ADDRESS = "http://127.0.0.1:8600"
KIND = {"content-type": "application/problem+json"}


def told(status: int, **fields: Any) -> KrawallError:
    body = {"type": "urn:krawall:error:x", "title": "T", "status": status, "detail": "what is wrong", **fields}
    return error_of(status, KIND, json.dumps(body).encode(), ADDRESS)


def _every_code() -> list[type[KrawallError]]:
    waiting, found = [KrawallError], []
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls.__module__ == errors.__name__ and cls is not KrawallError:
            found.append(cls)
    return found


@pytest.mark.parametrize("cls", _every_code(), ids=lambda cls: cls.code)
def test_every_code_becomes_its_class(cls: type[KrawallError]) -> None:
    error = told(400, code=cls.code, hint="the way out")
    assert type(error) is cls
    assert error.hint == "the way out"
    assert "what is wrong" in error.message or cls is DocumentError


def test_places_are_kept_with_their_lines_and_the_count_is_said_once() -> None:
    places = [{"path": "steps.0.text", "message": "is missing", "line": 4}, {"path": "name", "message": "is missing"}]
    error = told(422, code="document", detail="late.yaml: 2 errors", places=places)
    assert isinstance(error, DocumentError)
    assert error.places == [Place("steps.0.text", "is missing", 4), Place("name", "is missing")]
    assert error.message.splitlines()[0] == "late.yaml: 2 errors"


def test_a_request_that_the_http_layer_refuses_is_a_usage_error() -> None:
    error = told(
        422, code="request", detail="the request has 1 errors", places=[{"path": "query.limit", "message": "no"}]
    )
    assert error.exit_code == 2
    assert "query.limit: no" in error.message
    assert told(405, code="method").exit_code == 2


def test_too_many_says_when_to_come_again() -> None:
    headers = {**KIND, "retry-after": "17"}
    error = error_of(429, headers, b'{"code": "throttled", "detail": "slowly"}', ADDRESS)
    assert isinstance(error, TooMany)
    assert error.retry_after_s == 17
    without = error_of(429, {**KIND, "retry-after": "later"}, b'{"code": "throttled", "detail": "slowly"}', ADDRESS)
    assert isinstance(without, TooMany)
    assert without.retry_after_s == 1


def test_who_is_not_logged_in_is_told_how_to_be() -> None:
    error = told(401, code="unauthorized")
    assert isinstance(error, Unauthorized)
    assert "KRAWALL_TOKEN" in str(error.hint)


def test_an_error_of_the_servers_names_its_line_in_the_log() -> None:
    error = told(500, code="internal", request_id="req_7")
    assert isinstance(error, Internal)
    assert "req_7" in error.message


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"content-type": "text/html"}, b"<h1>502 Bad Gateway</h1>"), (KIND, b"{half"), (KIND, b"[]"), ({}, b"")],
)
def test_what_no_server_of_ours_says_is_named_as_such(headers: dict[str, str], body: bytes) -> None:
    error = error_of(502, headers, body, ADDRESS)
    assert isinstance(error, Unavailable)
    assert ADDRESS in error.message
    assert "502" in error.message
