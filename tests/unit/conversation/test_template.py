"""Texts and expressions: constants untouched, mistakes found when added, values asked for only when used, nothing of ours changed."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from krawall.conversation.template import MAX_BYTES, STANDARD, Dice, RenderError, Texts
from krawall.model.scenario import RESERVED

KNOWN = ("greeting", "city", "data.order", "data.city", "env.HOME")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("aé\"'<&{}%\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", min_size=1), inner, max_size=3),
    max_leaves=8,
)


class Values:
    """A scope over a dict that notes what it was asked for."""

    def __init__(self, **values: Any) -> None:
        self.values = values
        self.asked: list[str] = []

    def lookup(self, name: str) -> object:
        self.asked.append(name)
        return self.values[name]


def jinja(*texts: str, expression: bool = False) -> Texts:
    made = Texts("jinja")
    for text in texts:
        assert made.add("steps.0.message", text, expression, KNOWN) == []
    return made


def wrong(text: str, expression: bool = False) -> list[str]:
    return [place.message for place in Texts("jinja").add("steps.0.message", text, expression, KNOWN)]


@given(st.text("abc{ }%#\n", max_size=20).filter(lambda text: not any(tag in text for tag in ("{{", "{%", "{#"))))
def test_a_text_without_tags_is_itself(text: str) -> None:
    scope = Values()
    assert jinja(text).render(text, scope) == text
    assert scope.asked == []


@given(st.text(max_size=30))
def test_values_are_put_in_as_they_are(value: str) -> None:
    text = "say {{ greeting }}\n"
    assert jinja(text).render(text, Values(greeting=value)) == f"say {value}\n"


@given(st.text("{}%#'\" abgreting|().\n", max_size=30))
def test_any_text_is_refused_or_rendered_but_never_breaks(text: str) -> None:
    made = Texts("jinja")
    if not made.add("p", text, False, KNOWN):
        with suppress(RenderError):
            made.render(text, Values(greeting="hi"))


@given(JSON)
def test_an_expression_gives_plain_data_and_a_copy(value: Any) -> None:
    made = jinja("reply_json", expression=True)
    before = json.dumps(value)
    result = made.evaluate("reply_json", Values(reply_json=value))
    assert result == value
    if isinstance(result, dict | list):
        result.clear()
    assert json.dumps(value) == before


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'yes' in reply.lower()", True),
        ("turn > 3", False),
        ("{'a': {'b': turn}}", {"a": {"b": 2}}),
        ("reply_json.ticket.id", 7),
        ("reply_json.nothing", None),
        ("'a' if turn == 2 else 'b'", "a"),
        ("reply|length", 10),
    ],
)
def test_expressions(expression: str, expected: object) -> None:
    scope = Values(reply="Oh, yes é!", turn=2, reply_json={"ticket": {"id": 7}})
    assert jinja(expression, expression=True).evaluate(expression, scope) == expected


def test_only_what_a_text_uses_is_looked_up() -> None:
    text = "{{ greeting }}, {{ data.order }}{% if false %}{{ reply }}{% endif %}"
    made = jinja(text)
    scope = Values(greeting="hi", data={"order": 7}, reply="")
    assert made.render(text, scope) == "hi, 7"
    assert sorted(scope.asked) == ["data", "greeting", "reply"]
    assert made.names(text) == ("data", "greeting", "reply")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ greting }}", "unknown name 'greting'; did you mean 'greeting'?"),
        ("{{ data.ordr }}", "unknown name 'data.ordr'; did you mean 'data.order'?"),
        ("{{ var.citty }}", "unknown name 'var.citty'; did you mean 'var.city'?"),
        ("{{ env.SECRET }}", "unknown name 'env.SECRET'"),
        ("{{ rng.integer(1, 2) }}", "unknown name 'rng.integer'; did you mean 'rng.int'?"),
        ("{{ debug() }}", "unknown name 'debug'"),
        ("{{ reply | uper }}", "unknown filter 'uper'"),
        ("{{ reply | attr('x') }}", "unknown filter 'attr'"),
        ("{{ turn is evn }}", "unknown test 'evn'"),
        ("{{ data['order'](1) }}", "a call of something in [] may change data that other conversations share"),
        ("{{ history.append(1) }}", "'.append(' changes data that other conversations share"),
        ("a\n{% if turn %}", "not a template: unexpected end of input, expected end of block (line 2 of the text)"),
    ],
)
def test_mistakes_are_found_when_a_text_is_added(text: str, message: str) -> None:
    (found,) = wrong(text)
    assert found.startswith(message)


@pytest.mark.parametrize("text", ["1) }} {{ (2", "turn >", "", "greting", "reply|uper"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    assert wrong(text, expression=True)


@pytest.mark.parametrize(
    "text",
    [
        "{% for message in history %}{{ loop.index }}: {{ message.content }}{% endfor %}",
        "{% raw %}{{ unknown|filter }}{% endraw %}{# {{ unknown }} #}",
        "{{ 'a|b is c' }}",
        "{% for key, value in data.items() %}{{ key }}{% endfor %}",
        "{{ env.HOME }} {{ var.city }} {{ range(3) }}",
        *(f"{{{{ {name} }}}}" for name in STANDARD),
    ],
)
def test_what_texts_may_use(text: str) -> None:
    assert wrong(text) == []


def test_every_standard_name_is_closed_to_variables() -> None:
    assert set(STANDARD) <= RESERVED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ data.city }}", "undefined value: `data.city`"),
        ("{{ rng.int(6, 1) }}", "rng.int: 6 is above 1"),
        ("{{ rng.int(1) }}", "rng.int() missing 1 required positional argument: 'high'"),
        ("{{ rng.choice([]) }}", "rng.choice needs a list with at least one item"),
        ("{{ rng.text(10 ** 9) }}", "rng.text: 1000000000 is outside 0 to 100,000"),
        ("{{ greeting.nothing() }}", "string has no method named nothing"),
        ("{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}", "engine ran out of fuel"),
        ("{{ 'a' * 1000001 }}", "the text grew beyond 1,000,000 bytes"),
    ],
)
def test_a_failed_rendering_says_where_and_why(text: str, message: str) -> None:
    made = jinja(text)
    with pytest.raises(RenderError) as caught:
        made.render(text, Values(data={"order": 1}, rng=Dice(lambda: Random(1)), greeting="hi"))
    assert caught.value.place.path == "steps.0.message"
    assert caught.value.message.startswith(message)


def test_a_reply_is_never_read_as_a_template() -> None:
    made = jinja("{{ reply }}")
    assert made.render("{{ reply }}", Values(reply="{{ rng }}")) == "{{ rng }}"
    with pytest.raises(RenderError):
        made.render("{{ greeting }}", Values(greeting="hi"))
    with pytest.raises(RenderError):
        made.evaluate("reply", Values(reply="hi"))
    assert made.render("no tags at all", Values()) == "no tags at all"


@pytest.mark.parametrize(
    "text", ["{{ rng._source() }}", "{{ rng.__class__ }}", "{{ rng['_source'] }}", "{{ data.__class__ }}"]
)
def test_nothing_private_can_be_reached(text: str) -> None:
    made = Texts("jinja")
    if not made.add("p", text, False, ["data.__class__"]):
        with pytest.raises(RenderError):
            made.render(text, Values(rng=Dice(lambda: Random(1)), data={}))


def test_what_is_too_long_is_refused() -> None:
    assert wrong("é" * (MAX_BYTES // 2 + 1)) == ["the text is longer than 1,000,000 bytes"]
    assert wrong("é" * (MAX_BYTES // 2)) == []


def test_expressions_are_jinja_in_handlebars_scenarios_too() -> None:
    made = Texts("handlebars")
    assert made.add("p", "reply == 'é'", True, ()) == []
    assert made.evaluate("reply == 'é'", Values(reply="é")) is True


@given(
    st.lists(st.one_of(st.sampled_from(["{{ a }}", "{{b}}", "{{  a}}"]), st.text("xyz{} %#\n", max_size=4)), max_size=6)
)
def test_a_text_of_names_alone_reads_the_same_by_the_quick_way(parts: list[str]) -> None:
    text = "".join(parts)
    quick, slow = Texts("jinja"), Texts("jinja")
    assume(not text.endswith("{"))
    wrong = quick.add("x", text, False, ("a", "b"))
    slow.add("x", text + "{# by the engine #}", False, ("a", "b"))
    if wrong:
        return
    for a in ("text <&>", 7, -3, 1.5, True, None, [1, "x"]):
        values = Values(a=a, b="é")
        assert quick.render(text, values) == slow.render(text + "{# by the engine #}", values)
