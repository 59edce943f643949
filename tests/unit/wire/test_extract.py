"""Any path compiled to typed structs equals a plain walk over the decoded document."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.wire.extract import Group, compile_extract
from krawall.wire.paths import parse_path

Segments = list[str | int]
KEYS = ["a", "b", "f0", "x-y", "class", "ключ", "", "v 0"]
keys = st.sampled_from(KEYS)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)
ways = st.lists(keys | st.integers(0, 2), min_size=1, max_size=5)
SHAPE = {"a": [{"b": {"f0": "text", "x-y": None}, "class": 1}, {"b": None}], "b": {"a": 0, "b": [1, "two"]}, "f0": None}


def slow(document: object, way: Segments) -> object:
    """The oracle: one step at a time, any surprise means that nothing is there."""
    for step in way:
        try:
            if isinstance(document, str) or isinstance(step, str) != isinstance(document, dict):
                return None
            document = document[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def spell(way: Segments) -> str:
    steps = (
        f"[{step}]" if isinstance(step, int) else f".{step}" if re.fullmatch(r"[^\W\d][\w-]*", step) else f"['{step}']"
        for step in way
    )
    return "$" + "".join(steps)


def pick(groups: list[Group], data: bytes) -> list[object]:
    """Read as the reader does: fast, and where the shape is not as supposed, generically."""
    try:
        return list(compile_extract(groups)(data))
    except (ValueError, RecursionError):
        document = json.loads(data)
        return [group.find(document) for group in groups]


def group(ways: list[Segments]) -> Group:
    return Group(tuple(parse_path(spell(way)) for way in ways), lambda found: found[0])


@settings(max_examples=100)
@given(documents | st.just(SHAPE), st.lists(st.lists(ways, max_size=3), max_size=5))
def test_compiled_paths_equal_the_walk(document: object, groups: list[list[Segments]]) -> None:
    expected = [next((found for way in ways if (found := slow(document, way)) is not None), None) for ways in groups]
    assert repr(pick([group(ways) for ways in groups], json.dumps(document).encode())) == repr(expected)


def test_the_typed_road_is_taken_where_the_shape_fits() -> None:
    paths: list[list[Segments]] = [
        [["a", 0, "b", "f0"]],
        [["a", 0, "b", "x-y"], ["a", 0, "class"]],
        [["b"]],
        [["b", "b", 1]],
        [["a", 1, "b"]],
    ]
    extract = compile_extract([group(ways) for ways in paths])
    assert extract(json.dumps(SHAPE).encode()) == ("text", 1, {"a": 0, "b": [1, "two"]}, "two", None)
    assert extract(b"null") == (None,) * 5
    assert extract(b'{"a": [], "b": null}') == (None,) * 5


def test_very_long_paths_work() -> None:
    document: object = "end"
    for _ in range(60):
        document = {"a": [document]}
    assert pick([group([["a", 0] * 60])], json.dumps(document).encode()) == ["end"]
