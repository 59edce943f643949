"""Handlebars texts say what they say in the original: no HTML escaping, unknown names empty, mistakes found when added."""

from __future__ import annotations

import sys
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.template import ORIGINAL_NAMES, Dice, RenderError, Texts
from krawall.errors import PluginError


class Values:
    """A scope over a dict."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def lookup(self, name: str) -> object:
        return self.values[name]


def render(text: str, **values: Any) -> str:
    made = Texts("handlebars")
    assert made.add("p", text, False, list(values)) == []
    return made.render(text, Values(rng=Dice(lambda: Random(3)), **values))


@given(st.text(max_size=30))
def test_nothing_is_escaped(value: str) -> None:
    assert render("a {{value}} b {{{value}}}", value=value) == f"a {value} b {value}"
    assert render("{{#if on}}{{ value }}{{/if}}", value=value, on=True) == value


@given(st.text("{}#/!>~& ifeach'\"a.b\\\n", max_size=30))
def test_any_text_is_refused_or_rendered_but_never_breaks(text: str) -> None:
    made = Texts("handlebars")
    if not made.add("p", text, False, ["a", "b"]):
        with suppress(RenderError):
            made.render(text, Values(a={"b": "x"}, b=[1]))


HISTORY = [{"role": "user", "content": "<q>"}, {"role": "assistant", "content": "it's"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {% x %}", "plain {% x %}"),
        ("{{nothing}}|{{nothing.inside}}", "|"),
        ("{{#if response}}y{{else}}n{{/if}}{{#unless response}}y{{/unless}}", "y"),
        ("{{#if empty}}y{{else if response}}second{{else}}n{{/if}}", "second"),
        ("{{#each history}}{{@index}}:{{role}}={{content}};{{/each}}", "0:user=<q>;1:assistant=it's;"),
        ("{{#each history as |line|}}{{line.content}}{{/each}}", "<q>it's"),
        ("{{#with names}}{{one}} {{../response}}{{/with}}", "1 a & b"),
        ("{{lookup list 1}}", "<y>"),
        ("{{history.length}} {{#if (gt history.length 1)}}many{{/if}}", "2 many"),
        ("a {{~ response ~}} b", "aa & bb"),
        ("{{!-- {{response}} --}}{{! no }}\\{{response}}", "{{response}}"),
    ],
)
def test_what_the_originals_files_use(text: str, expected: str) -> None:
    values = {"response": "a & b", "empty": "", "history": HISTORY, "names": {"one": 1}, "list": ["x", "<y>"]}
    assert render(text, **values) == expected


def test_random_names_are_seeded_and_take_bounds() -> None:
    text = "{{randomInt}} {{randomInt 1 6}} {{randomInt 3}} {{randomText 12}}|{{randomText}}"
    first, second, third, rest = render(text).split(" ", 3)
    assert 0 <= int(first) <= 100
    assert 1 <= int(second) <= 6
    assert 0 <= int(third) <= 3
    assert [len(part) for part in rest.split("|")] == [12, 20]
    assert render(text) == render(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{upper response}}", "unknown helper 'upper'"),
        ("{{#section}}x{{/section}}", "unknown helper 'section'"),
        ("{{> header}}", "partials"),
        ("{{#if response}}", "Template error"),
        ("{{response", "Template error"),
    ],
)
def test_mistakes_are_found_when_a_text_is_added(text: str, message: str) -> None:
    (place,) = Texts("handlebars").add("steps.1.message", text, False, ())
    assert place.path == "steps.1.message"
    assert place.message.startswith(message)


def test_every_name_of_the_original_can_be_used() -> None:
    made = Texts("handlebars")
    for name in ORIGINAL_NAMES:
        assert made.add("p", f"{{{{{name}}}}}", False, ()) == []
        assert made.names(f"{{{{{name}}}}}") == (("rng",) if name.startswith("random") else (name,))


def test_a_failed_rendering_says_where_and_why() -> None:
    made = Texts("handlebars")
    assert made.add("steps.2.message", "{{randomInt 6 1}}", False, ()) == []
    with pytest.raises(RenderError, match=r"rng\.int: 6 is above 1") as caught:
        made.render("{{randomInt 6 1}}", Values(rng=Dice(lambda: Random(1))))
    assert caught.value.place.path == "steps.2.message"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhandlebars", None)  # what Python sees when it is not installed
    with pytest.raises(PluginError) as caught:
        Texts("handlebars")
    assert "krawall[handlebars]" in str(caught.value)
    Texts("jinja")
