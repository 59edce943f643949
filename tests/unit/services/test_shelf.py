"""What a list says of a scenario without playing it."""

from __future__ import annotations

import pytest

from krawall.model.kept import DocumentKind, Kept
from krawall.plugins import registry
from krawall.plugins.assemble import assemble
from krawall.services.catalogue import info
from krawall.services.shelf import facts_of
from krawall.wire.yaml import read

assemble()


def kept(body, etag: str = "e") -> Kept:
    return Kept("scn_1", DocumentKind.scenario, "Any", 1, etag, body, 0, 0, "ada")


@pytest.mark.parametrize("name", registry.names("templates"))
def test_templates_on_the_shelf_are_what_the_catalogue_says(name):
    facts = facts_of(kept(read(registry.data_text("templates", name), name).data, name))
    found = info(name)
    assert (facts.messages, facts.most, facts.category) == (pytest.approx(found.messages), found.most, found.category)


def test_steps_inside_steps_count():
    nested = {
        "steps": [
            "Hello",
            {"loop": 3, "steps": [{"message": "a"}, {"delay": "1s"}]},
            {"if": "turn > 1", "then": ["b"], "else": ["c"]},
        ]
    }
    facts = facts_of(kept(nested, "nested"))
    assert (facts.steps, facts.messages, facts.most, facts.category) == (7, 5.0, 5, "other")


def test_what_does_not_fit_its_model_any_more_is_listed_all_the_same():
    facts = facts_of(kept({"steps": [{"gone": 1}, "Hi"], "category": "stress"}, "gone"))
    assert (facts.steps, facts.messages, facts.most, facts.category) == (2, None, None, "stress")
