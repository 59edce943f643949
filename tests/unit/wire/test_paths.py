"""Paths as people write them: plain, queries of RFC 9535, guarded; and the nearest place for a message."""

from __future__ import annotations

import json
import re

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.wire.extract import Group, compile_extract
from krawall.wire.paths import Path, nearest, parse_address, parse_path, show, walk

keys = st.sampled_from(["a", "b", ""])
documents = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=20,
)
ways = st.lists(keys | st.integers(0, 2), min_size=1, max_size=4).map(tuple)
REPLY = {
    "output": [
        {"type": "reasoning"},
        {"type": "message", "content": [{"text": "He"}, {"text": "llo"}, {"text": None}]},
    ],
    "type": "t",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("output[1].content[0].text", ["He"]),
        ("$.output[1]['content'][0]['text']", ["He"]),
        ('["type"]', ["t"]),
        ("$", [REPLY]),
        ("output[*].content[*].text", ["He", "llo"]),
        ("output[?@.type=='message'].content[*].text", ["He", "llo"]),
        ("$.output[?$.type=='t'].type", ["reasoning", "message"]),
        ("$..text", ["He", "llo"]),
        ("output[-1].content[0].text", ["He"]),
        ("type[*]", []),
        ("output[0].text", []),
        ("type if type == 't'", ["t"]),
        ('type if output[0].type == "message"', []),
        ("output[*].type if type == 't'", ["reasoning", "message"]),
        ("gone.at[0].all", []),
    ],
)
def test_paths(path: str, value: list[object]) -> None:
    assert parse_path(path).find(REPLY) == value
    (read,) = compile_extract([Group((parse_path(path),), lambda found: found)])(json.dumps(REPLY).encode())
    assert read == ((value or None) if parse_path(path).query else (value or [None])[0])


@pytest.mark.parametrize("path", ["", " ", "a b", "a..", "a[", "a.b@c", "0.x", "a if b", "a if b[*] == 'x'", "[?"])
def test_what_is_no_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(path)) if path.strip() else "a path is empty"):
        parse_path(path)


@given(documents, ways)
def test_the_nearest_place_is_there(document: object, way: tuple[str | int, ...]) -> None:
    reached, value = nearest(document, way)
    assert way[: len(reached)] == reached
    assert walk(document, reached) == value
    if len(reached) < len(way):
        assert walk(document, way) is None


def test_segments_are_shown_as_people_write_them() -> None:
    assert show(("choices", 0, "message")) == "choices[0].message"
    assert parse_path("$.choices[0].message") == Path("$.choices[0].message", ("choices", 0, "message"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("links.self", "http://a/b"),
        ("/jobs/{id}", "/jobs/7%2F8"),
        ("/jobs/{id}/{links.n}?x=1", "/jobs/7%2F8/9?x=1"),
        ("/jobs", "/jobs"),
    ],
)
def test_an_address_is_a_path_or_has_paths_in_it(text: str, address: str) -> None:
    assert parse_address(text)({"id": "7/8", "links": {"self": "http://a/b", "n": 9}}) == address


def test_what_cannot_stand_in_an_address_is_told() -> None:
    documents: list[object] = [{}, {"id": None}, {"id": {}}, {"id": [1]}, {"id": True}, []]
    for document in documents:
        with pytest.raises(LookupError, match="nothing at id"):
            parse_address("/jobs/{id}")(document)
    with pytest.raises(ValueError, match="is not a path"):
        parse_address("/jobs/{a b}")


easy_steps = st.sampled_from(
    [".a", ".b", "[0]", "[1]", "[*]", "[?@.a=='a']", "[?@.a != 'a']", "[?@.b == true]", "[?@.b!=true]", "[? @.a == false]",
     "[?@.a=='']"]
)  # fmt: skip
easy_documents = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1) | st.sampled_from(["a", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=20,
)


@given(st.lists(easy_steps, min_size=1, max_size=4), easy_documents)
def test_queries_of_the_usual_kind_find_what_the_standard_says(steps: list[str], document: object) -> None:
    query = "[*]" + "".join(steps)
    known = jsonpath.findall("$" + query, document) if isinstance(document, (dict, list)) else []
    assert parse_path("$" + query).find(document) == [found for found in known if found is not None]
