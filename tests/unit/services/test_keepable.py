"""What can be kept is found without recursion, whatever plain data holds."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from krawall.services.keepable import MOST_DEPTH, MOST_PLACES, unkeepable, wrong_with

FIT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
UNFIT = st.sampled_from(["a\0b", "\ud800", float("inf"), float("nan"), 2**63, -(2**63) - 1, 10**400])


@given(FIT)
def test_what_json_and_databases_take_is_fit(data):
    assert unkeepable(data) == []
    assert json.loads(msgspec.json.encode(data)) == data


@given(FIT, UNFIT)
def test_what_is_unfit_is_found_wherever_it_stands(data, wrong):
    places = unkeepable({"a": data, "b": [data, {"c": wrong}]})
    assert [(place.path, place.message) for place in places] == [("b.1.c", wrong_with(wrong))]


def test_keys_are_texts_too():
    assert [place.path for place in unkeepable({"a": {"b\0": 1}})] == ["a"]


def test_depth_is_bounded_and_costs_no_stack():
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    (place,) = unkeepable(deep)
    assert place.message == f"nested deeper than {MOST_DEPTH} levels"


def test_no_more_places_than_anyone_reads():
    assert len(unkeepable(["\0"] * 1_000)) == MOST_PLACES


def test_paths_can_stand_in_an_answer():
    (place,) = unkeepable({"a\ud800": ["\0"]})[1:]
    place.path.encode()
