"""No secret value, in no usual encoding, is left in a text."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from krawall.wire.redact import Redactor

secrets = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=4, max_size=20)
around = st.text(st.sampled_from("abc /?=&%:\n"), max_size=10)


@given(st.lists(secrets, min_size=1, max_size=4), around, around)
def test_no_form_of_a_secret_survives(values: list[str], before: str, after: str) -> None:
    redact = Redactor(values)
    for value in values:
        coded = base64.b64encode(value.encode()).decode()
        for form in (
            value,
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
            quote(value, safe=""),
            quote_plus(value),
            coded,
        ):
            assert form not in redact(before + form + after)
            assert "***" in redact(before + form + after)


@given(secrets.filter(lambda value: len(value.encode()) >= 8), st.text(st.characters(codec="ascii"), max_size=6))
def test_base64_of_a_secret_inside_other_text_is_found(value: str, user: str) -> None:
    header = base64.b64encode(f"{user}:{value}".encode()).decode()
    assert "***" in Redactor([value])("authorization: Basic " + header)


def test_without_secrets_a_text_is_untouched() -> None:
    text = "a long enough text"
    assert Redactor([])(text) is text
    assert Redactor(["abc", ""])("abc") == "abc"
    assert Redactor(["absent-value"])(text) is text


def test_the_longest_value_is_taken_first() -> None:
    assert Redactor(["token", "token-of-mine"])("x token-of-mine y token z") == "x *** y *** z"
    assert Redactor(["a+b/c d"])("?k=a%2bb%2fc+d&l=a%2Bb/c%20d") == "?k=***&l=***"
