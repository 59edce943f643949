"""What the caller likes, and what a change was made from."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from krawall.api.bodies import precondition, wants_yaml


def asking(accept: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept", accept.encode())]})


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False), ("*/*", False), ("application/json", False), ("application/yaml", True), ("text/yaml", True),
        ("application/yaml, */*;q=0.1", True), ("application/json, application/yaml;q=0.9", False),
        ("application/yaml;q=0", False), ("application/yaml;q=x", False), ("text/html", False), (";;,,q=", False),
        ("APPLICATION/YAML ; q=0.5", True),
    ],
)  # fmt: skip
def test_yaml_is_given_to_who_likes_it_best(accept, wanted):
    assert wants_yaml(asking(accept)) == wanted


@pytest.mark.parametrize(("header", "etags"), [("*", None), ('"1-a"', ['"1-a"']), ('"1-a", "2-b"', ['"1-a"', '"2-b"'])])
def test_a_precondition_names_revisions_or_any(header, etags):
    assert precondition(header) == etags


@pytest.mark.parametrize("header", [None, "", "  "])
def test_a_change_must_say_what_it_was_made_from(header):
    with pytest.raises(HTTPException) as raised:
        precondition(header)
    assert raised.value.status_code == 428
