"""Headers and query of a target with its references resolved."""

from __future__ import annotations

import pytest

from krawall.errors import DocumentError
from krawall.model.auth import REFERENCE, Auth, Basic
from krawall.model.target import Target
from krawall.wire.auth import headers, query, secrets_of

VALUES = {"KEY": "s3cret", "PASS": "pä:ss", "LINE": "abc\n", "WIDE": "š", "USER": "me", "COLON": "a:b"}


def resolve(text: str) -> str:
    return REFERENCE.sub(lambda found: VALUES[found[1]], text)


def target(auth: Auth | None = None, **more: str) -> Target:
    return Target(url="http://127.0.0.1/", headers=more, auth=auth)


def test_headers_are_lower_case_and_auth_counts() -> None:
    assert headers(target(None, Accept="*/*", Authorization="${KEY}"), resolve) == {
        "accept": "*/*",
        "authorization": "s3cret",
    }
    assert headers(target(Auth(bearer="${KEY}"), Authorization="${USER}"), resolve) == {
        "authorization": "Bearer s3cret"
    }
    assert headers(target(Auth(header={"X-Api-Key": "v1 ${KEY}"})), resolve) == {"x-api-key": "v1 s3cret"}
    assert headers(target(Auth(query={"key": "${KEY}"})), resolve) == {}


def test_basic_is_base64_of_utf8() -> None:
    assert headers(target(Auth(basic=Basic(user="${USER}", password="${PASS}"))), resolve) == {
        "authorization": "Basic bWU6cMOkOnNz"
    }


def test_the_query_is_resolved_and_not_quoted() -> None:
    assert query(target(Auth(query={"key": "${KEY}&", "pass": "${PASS}"})), resolve) == [
        ("key", "s3cret&"),
        ("pass", "pä:ss"),
    ]
    assert query(target(), resolve) == []


@pytest.mark.parametrize(
    ("auth", "place"),
    [
        (Auth(bearer="${LINE}"), "auth.bearer"),
        (Auth(bearer="${WIDE}"), "auth.bearer"),
        (Auth(header={"x-key": "${LINE}"}), "auth.header.x-key"),
        (Auth(header={"x key": "${KEY}"}), "auth.header.x key"),
        (Auth(query={"key": "${LINE}"}), "auth.query.key"),
        (Auth(basic=Basic(user="${COLON}", password="${KEY}")), "auth.basic.user"),
        (Auth(basic=Basic(user="me", password="${LINE}")), "auth.basic.password"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_showing_it(auth: Auth, place: str) -> None:
    build = query if auth.query else headers
    with pytest.raises(DocumentError) as caught:
        build(target(auth), resolve)
    assert caught.value.places[0].path == place
    assert not any(value.strip() in str(caught.value) for name, value in VALUES.items() if name != "USER")


def test_a_header_of_the_target_is_checked_too() -> None:
    with pytest.raises(DocumentError, match=r"headers\.X-Note"):
        headers(target(None, **{"X-Note": "${LINE}"}), resolve)


def test_the_names_of_all_references() -> None:
    whole = Target(
        url="http://127.0.0.1/?key=${URL_KEY}",
        headers={"x-token": "${A}-${B}", "accept": "*/*"},
        auth=Auth(bearer="${C}"),
    )
    assert secrets_of(whole) == {"URL_KEY", "A", "B", "C"}
    assert secrets_of(target(Auth(basic=Basic(user="u", password="${P}")))) == {"P"}
    assert secrets_of(target(Auth(query={"k": "${Q}"}))) == {"Q"}
    assert secrets_of(target()) == set()
