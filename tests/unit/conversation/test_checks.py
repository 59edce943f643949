"""Every condition of an expectation: when it holds, and what it says it found when it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.checks import Facts, check, problems, similarity
from krawall.conversation.facts import NotJson, read_json
from krawall.conversation.template import RenderError
from krawall.errors import Place
from krawall.model.check import CONDITIONS, Expectation


def same(text: str) -> str:
    return text


def facts(
    text: str = "",
    latency_ns: int | None = 1_234_567_890,
    ttft_ns: int | None = 250_000_000,
    tokens_out: int | None = 12,
    render: Callable[[str], str] = same,
    evaluate: Callable[[str], object] = same,
) -> Facts:
    return Facts(text, latency_ns, ttft_ns, tokens_out, render, evaluate)


def expect(**condition: Any) -> Expectation:
    return Expectation.model_validate(condition)


ORDER = '{"order": {"id": 7, "open": true, "items": [{"name": "Socke"}, {"name": "Hut"}]}}'
SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"$ref": "#/$defs/order"}},
    "$defs": {"order": {"type": "object"}},
}

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"contains": "HAMBURG"}, "It is in Hamburg.", ""),
    ({"contains": "STRASSE"}, "Große Straße", ""),
    ({"contains": "Lyon"}, "It is in Hamburg.", "'Lyon' is missing; the reply is 'It is in Hamburg.'"),
    ({"contains": "Lyon"}, "", "'Lyon' is missing; the reply is empty"),
    ({"lacks": "sorry"}, "It is in Hamburg.", ""),
    ({"lacks": "sorry"}, "I am SORRY for that", "found: 'i am sorry for that'"),
    ({"regex": r"\d{3}"}, "order 123", ""),
    ({"regex": r"\d{3}"}, "order 12", "nothing matches; the reply is 'order 12'"),
    ({"regex": "end$"}, "a" * 200_000 + "end", "nothing matches; the reply is '" + "a" * 59 + "…'"),
    ({"json": "$.order.id"}, ORDER, ""),
    ({"json": "$.order.id"}, f"Here:\n```json\n{ORDER}\n```\nBye", ""),
    ({"json": "$.order.id", "equals": 7}, ORDER, ""),
    ({"json": "$.order.items[*].name", "equals": "Hut"}, ORDER, ""),
    ({"json": "$.order.id", "equals": 8}, ORDER, "found 7"),
    ({"json": "$.order.open", "equals": 1}, ORDER, "found true"),
    ({"json": "$.order.id", "equals": None}, ORDER, "found 7"),
    ({"json": "$.order.id", "equals": None}, '{"order": {"id": null}}', ""),
    ({"json": "$.nothing"}, ORDER, "the path finds nothing"),
    ({"json": "$"}, "no JSON", "not JSON; the reply is 'no JSON'"),
    ({"schema": SCHEMA}, ORDER, ""),
    ({"schema": SCHEMA}, "{}", "$: 'order' is a required property"),
    ({"schema": SCHEMA}, '{"order": 1}', "$.order: 1 is not of type 'object'"),
    ({"schema": SCHEMA}, "no", "not JSON; the reply is 'no'"),
    ({"schema": {"$ref": "#"}}, "1", "the schema refers to itself without end"),
    ({"length": "<= 4"}, "four", ""),
    ({"length": "< 4"}, "four", "was 4 characters"),
    ({"length": "> 1k"}, "a" * 1_001, ""),
    ({"latency": "< 2s"}, "", ""),
    ({"latency": "< 1s"}, "", "was 1.23s"),
    ({"ttft": "< 0.2 s"}, "", "was 250ms"),
    ({"tokens": "== 12"}, "", ""),
    ({"tokens": ">= 100"}, "", "was 12 tokens"),
    ({"language": "de"}, "Das ist nicht mein Paket und ich bin nicht zufrieden.", ""),
    ({"language": "de-AT"}, "Das ist nicht mein Paket und ich bin nicht zufrieden.", ""),
    ({"language": "fr"}, "ok", "too short to tell"),
    ({"language": "fr"}, "Where is the parcel?", "looks like en; the reply is 'Where is the parcel?'"),
    ({"similar": "the parcel is in Hamburg"}, "The parcel is in Hamburg!", ""),
    ({"similar": "the parcel is in Hamburg", "at least": 1.0}, "Hello", "similarity is 0.21; the reply is 'Hello'"),
    ({"that": "yes"}, "", ""),
]


@pytest.mark.parametrize(("condition", "text", "detail"), CASES)
def test_conditions(condition: dict[str, Any], text: str, detail: str) -> None:
    found = check(expect(**condition), facts(text))
    assert found.detail == detail
    assert found.ok == (detail == "")
    assert found.name.partition(":")[0] in condition


def test_every_condition_has_a_case() -> None:
    assert {name for condition, _, _ in CASES for name in condition} >= set(CONDITIONS)


@pytest.mark.parametrize("word", ["latency", "ttft", "tokens"])
def test_what_was_not_measured_does_not_hold(word: str) -> None:
    limit = "< 5s" if word != "tokens" else "< 5"
    found = check(expect(**{word: limit}), facts(latency_ns=None, ttft_ns=None, tokens_out=None))
    assert (found.ok, found.detail) == (False, f"{word} was not measured")


@pytest.mark.parametrize(
    ("value", "ok", "detail"), [(True, True, ""), (0, False, "is 0"), ([], False, "is []"), (None, False, "is null")]
)
def test_an_expression_must_be_true(value: object, ok: bool, detail: str) -> None:
    found = check(expect(that="turn > 1"), facts(evaluate=lambda _text: value))
    assert (found.name, found.ok, found.detail) == ("that: turn > 1", ok, detail)


def test_texts_are_rendered_and_named_as_written() -> None:
    found = check(expect(contains="{{ data.order }}"), facts("order 7", render=lambda _text: "8"))
    assert (found.name, found.detail) == ("contains: {{ data.order }}", "'8' is missing; the reply is 'order 7'")


def test_a_failed_rendering_passes_through() -> None:
    def fail(_text: str) -> str:
        raise RenderError(Place("p", "no"))

    with pytest.raises(RenderError):
        check(expect(similar="{{ x }}"), facts("a", render=fail))


@given(st.sampled_from([condition for condition, _, _ in CASES]), st.text(max_size=60))
def test_any_reply_gives_a_short_detail(condition: dict[str, Any], text: str) -> None:
    found = check(expect(**condition), facts(text))
    assert found.ok == (not found.detail)
    assert len(found.detail) <= 200
    assert len(found.name) <= 120


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"json": "$.a["}, "not a JSONPath: "),
        ({"json": "a.b"}, "not a JSONPath: "),
        ({"schema": {"type": "objekt"}}, "not a JSON Schema: 'objekt' is not valid"),
        ({"schema": {"$ref": "http://127.0.0.1:9/x"}}, "the schema's $ref 'http://127.0.0.1:9/x' leads nowhere"),
        ({"schema": {"$ref": "#/$defs/none"}}, "the schema's $ref '#/$defs/none' leads nowhere"),
        ({"schema": {"$defs": {"a": {"$id": "x"}}}}, "the schema has an $id inside ('x')"),
        ({"latency": "< 2"}, "'2' is not a duration"),
        ({"length": "< 2 pages"}, "'2 pages' is not a count"),
        ({"language": "xx"}, "'xx' is none of the languages"),
    ],
)
def test_what_an_expectations_model_cannot_see(condition: dict[str, Any], message: str) -> None:
    (found,) = problems(expect(**condition), "steps.0.expect.1")
    assert found.path == f"steps.0.expect.1.{next(iter(condition))}"
    assert found.message.startswith(message)
    assert not check(expect(**condition), facts("1")).ok


@pytest.mark.parametrize("condition", [condition for condition, _, _ in CASES])
def test_good_expectations_have_no_problems(condition: dict[str, Any]) -> None:
    assert problems(expect(**condition), "p") == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_json_is_read_as_it_stands_or_fenced(value: Any) -> None:
    text = json.dumps(value)
    assert read_json(text) == value
    assert read_json(f"Sure:\n```json\n{text}\n```") == value
    assert read_json(f"```\n{text}") == value  # a reply cut off before the fence ends


@pytest.mark.parametrize("text", ["", "{", "\ud800", "[" * 100_000, "```json\nno\n```", "text {} text"])
def test_what_is_not_json(text: str) -> None:
    with pytest.raises(NotJson):
        read_json(text)


@given(st.text(max_size=50), st.text(max_size=50))
def test_similarity_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == pytest.approx(similarity(other, one))


def test_similarity_is_blind_to_negation() -> None:
    # Not a wish, a fact: the guide says so, and a scenario that needs better asks a judge.
    assert similarity("your parcel is not in Hamburg", "your parcel is in Hamburg") > 0.9
    assert similarity("Mein Hut, der hat drei Ecken", "völlig anderes Thema") < 0.4
