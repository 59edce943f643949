"""A file name is a plugin: kind, file and word in the YAML are one, and each has its place in the docs."""

from __future__ import annotations

import pytest

from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.assemble import read_scenario, step_classes
from krawall.plugins.fitting import misfit
from krawall.plugins.preset import facts, resolve

LOOPBACK = "http://127.0.0.1:8010/"


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_the_file_name_is_the_kind(family, root):
    files = {path.stem for path in (root / "src/krawall/plugins" / family).glob("*.py") if path.stem != "__init__"}
    kinds = {kind: registry.load(family, kind).model_fields["kind"].default for kind in files}
    assert kinds == {kind: kind for kind in files}


@pytest.mark.parametrize(
    ("family", "page"), [("steps", "steps.md"), ("connectors", "connectors.md"), ("hooks", "hooks.md")]
)
def test_every_kind_is_documented(family, page, root):
    text = (root / "docs/reference" / page).read_text(encoding="utf-8")
    assert [kind for kind in registry.kinds(family) if f"## `{kind}`\n" not in text] == []


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_what_is_ours_is_fit_for_use_as_that_of_others_must_be(family):
    for kind in registry.kinds(family):
        assert misfit(registry.load(family, kind), kind, registry.BASES[family]) == ""


def test_the_short_word_of_a_step_fills_one_of_its_fields():
    for kind, step in step_classes().items():
        for word, field in {kind: step.shorthand, **step.words}.items():
            assert field in step.model_fields, f"{word} of {kind}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", registry.names("presets"))
def test_every_preset_makes_a_target(name, stream):
    asked = {field.name: field.example for field in facts(name).fields if field.required}
    target = resolve(Target(preset=name, url=LOOPBACK, stream=stream, fields=asked))
    assert target.connector in registry.kinds("connectors")


@pytest.mark.parametrize("name", registry.names("templates"))
def test_every_template_is_a_scenario_with_checks_limits_and_a_reading(name):
    scenario = read_scenario(registry.data_text("templates", name), name)
    assert scenario.reading
    assert scenario.thresholds
    assert scenario.target is None


def test_every_preset_is_in_the_reference(root):
    text = (root / "docs/reference/presets.md").read_text(encoding="utf-8")
    assert [name for name in registry.names("presets") if f"## `{name}`\n" not in text] == []
