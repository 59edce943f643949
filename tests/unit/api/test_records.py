"""Models that are derived from structs say what the structs say."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from pydantic import ValidationError

from krawall.api.records import AsModel, View, model_of
from krawall.model.event import EventBody
from krawall.model.summary import Conversations, Numbers, Part, Picture, Point, Summary

NUMBERS = Numbers(1, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, "ms")
POINT = Point(1.0, 2, 3, 4, None, 5.0, 6.0, None, 8.0, 9, 0.5)
PART = Part("steps.0", 3, {"timeout": 1}, {"ttft": NUMBERS})


class Holder(View):
    """Holds a struct."""

    point: Annotated[Point | None, AsModel()]
    part: Annotated[Part, AsModel()]


def test_a_struct_and_its_plain_data_become_the_same_json():
    plain = {"point": msgspec.to_builtins(POINT), "part": msgspec.to_builtins(PART)}
    by_struct, by_data = Holder(point=POINT, part=PART), Holder.model_validate(plain)
    assert by_struct.model_dump(by_alias=True) == by_data.model_dump(by_alias=True) == plain
    assert Holder(point=None, part=PART).point is None


@pytest.mark.parametrize("struct", [Summary, Picture, Point, Numbers, Part, Conversations, *EventBody.__args__])
def test_every_field_is_described_under_the_name_it_has_in_json(struct):
    described = model_of(struct).model_json_schema(by_alias=True, mode="serialization")
    expected = [field.encode_name for field in msgspec.structs.fields(struct)]
    assert list(described.get("properties", {})) == expected
    assert described["description"] == struct.__doc__


def test_structs_inside_are_described_too():
    described = Holder.model_json_schema()
    assert set(described["$defs"]) == {"Point", "Part", "Numbers"}
    summary = model_of(Summary).model_json_schema(by_alias=True)
    assert summary["properties"]["by_turn"]["items"] == {"$ref": "#/$defs/Part"}


def test_rows_of_an_older_version_get_the_defaults_of_what_is_new():
    old = msgspec.to_builtins(Conversations(planned=3))
    del old["dropped"]
    assert model_of(Conversations).model_validate(old).model_dump()["dropped"] == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValidationError):
        Holder(point={"at_s": "soon"}, part=PART)  # type: ignore[arg-type]


def test_a_struct_has_one_model():
    assert model_of(Point) is model_of(Point)
