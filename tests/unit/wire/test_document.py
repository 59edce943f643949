"""Decoding that forgives what servers send, and values told as texts, words, errors and counts."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.wire.document import NotMapped, as_error, as_text, as_word, count, decode_any, mend, shown

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(plain)
def test_json_is_decoded_as_the_standard_library_does(value: object) -> None:
    for ascii_only in (True, False):
        assert decode_any(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused_in_printable_words(data: bytes) -> None:
    assert shown(data).isprintable()
    said = ""
    try:
        decode_any(data)
    except NotMapped as error:
        said = str(error)
    assert said in ("", "reply is not JSON: " + shown(data))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'["\xff", NaN, -Infinity]', ["\ufffd", None, None]),
        (b'["\\ud83d", "\\ude00", "\\ud83d\\ude00"]', ["\ufffd", "\ufffd", "😀"]),
        (b"[123456789012345678901234567890]", [123456789012345678901234567890]),
        (b"[1e400]", [math.inf]),
    ],
)
def test_what_servers_send_all_the_same(data: bytes, value: object) -> None:
    assert decode_any(data) == value


def test_deep_values_are_told_all_the_same() -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = [[deep]]
    assert as_error({"message": deep}) == "(nested too deeply to show)"
    assert as_text([deep]) == "(nested too deeply to show)"


def test_values_as_what_they_mean() -> None:
    texts: list[object] = ["a", 1, 1.5, True, [], ["a", None, 2], {"text": "t"}, {"a": []}]
    assert list(map(as_text, texts)) == ["a", "1", "1.5", "true", "", "a2", "t", '{"a":[]}']
    words: list[object] = ["stop", "", False, True, 0]
    assert list(map(as_word, words)) == ["stop", None, None, "true", "0"]
    errors: list[object] = ["", 0, {}, [], False, True, {"message": ""}, {"detail": {"error": "x"}}]
    assert list(map(as_error, errors)) == [None, None, None, None, None, "true", '{"message":""}', "x"]
    counts: list[object] = [0, 5, 5.0, 5.5, -1, True, "5", None, 2**60, math.inf, math.nan]
    assert list(map(count, counts)) == [0, 5, 5] + [None] * 8


def test_halves_of_surrogate_pairs_are_joined() -> None:
    assert mend("a\ud83d\ude00b\udc00") == "a😀b\ufffd"
