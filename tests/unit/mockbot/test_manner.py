"""Thoughts, tools, refusals."""

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.manner import Tool, arguments, kinds, read_back, thoughts

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=8,
)


@given(
    JSON
    | st.fixed_dictionaries(
        {"properties": JSON | st.dictionaries(st.text(max_size=5), st.fixed_dictionaries({"type": JSON}))}
    )
)
def test_any_schema_gives_names_and_kinds(schema: object) -> None:
    assert all(isinstance(name, str) and isinstance(kind, str) for name, kind in kinds(schema).items())


def test_kinds_are_written_small_and_lists_of_kinds_are_texts() -> None:
    assert kinds({"properties": {"a": {"type": "INTEGER"}, "b": {"type": ["string", "null"]}, "c": {}}}) == {
        "a": "integer",
        "b": "string",
        "c": "string",
    }


@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["string", "integer", "array", "object", "odd"])))
def test_arguments_are_an_object_with_every_parameter(parameters: dict[str, str]) -> None:
    text = arguments(Tool("x", parameters), ["my a is 5"], Random(1))
    assert read_back(text) == json.loads(text)
    assert set(json.loads(text)) == set(parameters)


def test_arguments_that_were_cut_are_empty() -> None:
    assert read_back('{"a": ') == {}
    assert read_back("[1]") == {}


def test_thoughts_take_up_the_words_of_the_user() -> None:
    assert thoughts("where is parcel PH-17", Random(1)).startswith(" The user writes about PH-17, ")
    assert "nothing in particular" in thoughts("", Random(1))
