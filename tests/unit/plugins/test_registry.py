"""Kinds are found by file name, loaded on first use; what is missing is told with the nearest word."""

from __future__ import annotations

import pytest

from krawall.errors import DocumentError, NotFound
from krawall.model.connector import Connector
from krawall.model.step import Step
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.preset import facts, lay_over, resolve


def test_every_kind_loads_and_is_named_for_its_file() -> None:
    for kind in registry.kinds("steps"):
        step = registry.load("steps", kind)
        assert issubclass(step, Step)
        assert step.model_fields["kind"].default == kind
    for kind in registry.kinds("connectors"):
        connector = registry.load("connectors", kind)
        assert issubclass(connector, Connector)
        assert connector.model_fields["kind"].default == kind


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'message'"):
        registry.load("steps", "mesage")
    with pytest.raises(NotFound, match="did you mean 'openai-chat'"):
        registry.data_text("presets", "openai-chta")


@pytest.mark.parametrize("name", registry.names("presets"))
@pytest.mark.parametrize("stream", [False, True])
def test_every_preset_makes_a_target(name: str, stream: bool) -> None:
    asked = {field.name: field.example for field in facts(name).fields if field.required}
    target = resolve(Target(preset=name, url="http://127.0.0.1:1/", stream=stream, fields=asked))
    assert target.connector in registry.kinds("connectors")
    assert resolve(target).reply == target.reply, "resolving again changes nothing"


def test_a_target_without_an_address_says_how_to_give_one() -> None:
    with pytest.raises(DocumentError, match="--url"):
        resolve(Target(preset="custom-http"))


def test_laying_over_goes_mapping_by_mapping() -> None:
    assert lay_over({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "e": 2}) == {
        "a": {"b": 1, "c": [2]},
        "d": 1,
        "e": 2,
    }
