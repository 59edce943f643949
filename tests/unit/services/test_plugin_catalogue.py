"""The catalogue of kinds: what it says of each, the YAML that it shows, and what a check finds."""

from __future__ import annotations

import pytest

from krawall.errors import NotFound
from krawall.services.plugins import FAMILIES, check, explain, plugins
from krawall.wire.yaml import read

OURS = [(each.family, each.kind) for each in plugins() if each.source == "built-in"]


def test_every_kind_of_ours_is_fit_for_use():
    count, findings = check("built-in")
    assert count == len(OURS)
    assert [f"{each.kind}: {each.words}" for each in findings] == []


@pytest.mark.parametrize(("family", "kind"), OURS)
def test_every_kind_is_explained_with_settings_and_an_example(family, kind):
    explained = explain(kind, family)
    assert (explained.info.family, explained.info.kind) == (family, kind)
    assert explained.text
    assert "kind" not in explained.settings["properties"]
    assert set(explained.settings.get("required", ())) <= explained.settings["properties"].keys()
    assert kind in str(read(explained.example, kind).data)


def test_a_step_that_holds_steps_shows_its_settings():
    assert {"times", "while", "over", "most", "steps"} <= explain("loop").settings["properties"].keys()
    assert read(explain("loop").example, "loop").data == {"steps": [{"loop": "...", "steps": ["..."]}]}


def test_a_preset_shows_what_it_asks_for_as_a_form_needs_it():
    asked = explain("azure-openai").settings
    assert asked["required"]
    assert all(each["type"] == "string" and each["title"] for each in asked["properties"].values())


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(NotFound, match="did you mean 'redact'"):
        explain("redcat")
    with pytest.raises(NotFound, match="did you mean 'built-in'"):
        check("built-on")
    with pytest.raises(NotFound, match="no plugin 'http'"):
        explain("http", "hooks")


def test_families_come_in_one_order():
    shown = [each.family for each in plugins()]
    assert shown == sorted(shown, key=FAMILIES.index)
