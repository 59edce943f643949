"""Request bodies: placed values, left-out places, the overlay."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.exchange import Message, Prompt
from krawall.model.target import MessageShape, Target
from krawall.wire.request import WORDS, compile_request

URL = "http://127.0.0.1/"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | texts.filter(lambda text: not text.startswith("$"))
    | st.sampled_from(WORDS)
)
bodies = st.dictionaries(
    texts,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
    ),
    max_size=4,
)


def prompt(text: str = "Hi", system: str | None = None, conversation_id: str | None = None) -> Prompt:
    return Prompt(
        [Message("user", "Before"), Message("assistant", "Yes?"), Message("user", text)], text, system, conversation_id
    )


def send(body: object, request: dict[str, Any] | None = None, *, stream: bool = False, **said: str) -> object:
    return json.loads(compile_request(Target(url=URL, body=body, request=request or {}, stream=stream))(prompt(**said)))


GONE = object()


def place(value: object, words: dict[str, object]) -> object:
    """The oracle: replace words in plain data, drop the places of those that are None, and what holds nothing else."""
    if isinstance(value, dict):
        kept = {key: place(inner, words) for key, inner in value.items()}
        kept = {key: inner for key, inner in kept.items() if inner is not GONE}
        return kept if kept or not value else GONE
    if isinstance(value, list):
        rest = [inner for inner in (place(inner, words) for inner in value) if inner is not GONE]
        return rest if rest or not value else GONE
    if value in WORDS:
        return GONE if words[str(value)] is None else words[str(value)]
    return value


@given(bodies, texts, st.none() | texts, st.none() | texts, st.booleans())
def test_every_word_is_placed_and_the_rest_is_kept(
    body: dict[str, Any], text: str, system: str | None, known: str | None, stream: bool
) -> None:
    said = prompt(text, system, known)
    messages = [{"role": message.role, "content": message.content} for message in said.messages]
    if system is not None and '"$system"' not in json.dumps(body):
        messages = [{"role": "system", "content": system}, *messages]
    words: dict[str, object] = {
        "$message": text,
        "$messages": messages,
        "$system": system,
        "$conversation_id": known,
        "$stream": stream,
    }
    build = compile_request(Target(url=URL, body=body, stream=stream))
    placed = place(body, words)
    assert json.loads(build(said)) == ({} if placed is GONE else placed)
    assert build(said) == build(said)


@pytest.mark.parametrize(("system", "known"), list(itertools.product([None, "Be kind."], [None, "c-1"])))
def test_without_a_body_the_message_alone_is_sent(system: str | None, known: str | None) -> None:
    assert json.loads(compile_request(Target(url=URL))(prompt('Hi\0\n"', system, known))) == {"message": 'Hi\0\n"'}


def test_the_overlay_wins_merges_and_removes() -> None:
    body = {"model": "big", "options": {"a": 1, "b": {"c": 2}}, "stop": ["x"], "seed": 1, "keep": None}
    request: dict[str, Any] = {
        "model": "small",
        "options": {"b": {"d": "$message"}},
        "stop": [],
        "seed": None,
        "new": {"x": {"y": None}},
    }
    assert send(body, request) == {
        "model": "small", "options": {"a": 1, "b": {"c": 2, "d": "Hi"}}, "stop": [], "keep": None, "new": {"x": {}}
    }  # fmt: skip
    assert send(None, {"model": "small"}) == {"message": "Hi", "model": "small"}


def test_the_system_prompt_stands_first_or_where_the_body_says() -> None:
    assert send(["$messages"], system="S")[0][0] == {"role": "system", "content": "S"}  # type: ignore[index]
    apart = {"system": "$system", "messages": "$messages", "extra": ["$system", 1, "$conversation_id"]}
    assert send(apart, system="S") == {"system": "S", "messages": json.loads(compile_request(Target(url=URL, body="$messages"))(prompt())), "extra": ["S", 1]}  # fmt: skip
    assert set(send(apart)) == {"messages", "extra"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("body", "request_", "words"),
    [
        ({"a": [{"b": "$mesages"}]}, {}, r"^body\.a\[0\]\.b: unknown word '\$mesages'; did you mean '\$messages'\?$"),
        (
            {},
            {"id": "$conversation"},
            r"^request\.id: unknown word '\$conversation'; did you mean '\$conversation_id'\?$",
        ),
        ("$zzzzzz", {}, r"^body: unknown word '\$zzzzzz'; known: \$messages, "),
        (["$message"], {"a": 1}, r"^request: fields can only be laid over a body that is a mapping"),
        ({"a": object()}, {}, "^body: it cannot be sent as JSON"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_place(body: object, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compile_request(Target(url=URL, body=body, request=request_))


def test_what_holds_nothing_but_what_is_not_there_is_left_out() -> None:
    body = {"a": {"parts": [{"text": "$system"}]}, "b": {}, "c": [[], ["$conversation_id"]]}
    assert send(body) == {"b": {}, "c": [[]]}
    assert send({"a": ["$system"]}) == {}
    assert send("$system") is None


MESSAGES = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), max_size=4)


@given(MESSAGES, texts, st.none() | texts, st.dictionaries(st.sampled_from(["system", "user", "assistant"]), texts))
def test_messages_have_the_shape_that_a_target_wants(
    said: list[tuple[str, str]], text: str, system: str | None, roles: dict[str, str]
) -> None:
    form = {"role": "$role", "parts": [{"text": "$content", "n": 1}], "k": "$role"}
    shape = MessageShape(form=form, roles=roles)
    build = compile_request(Target(url=URL, body="$messages", messages=shape))
    whole = [*([("system", system)] if system is not None else []), *said]
    assert json.loads(build(Prompt([Message(*each) for each in said], text, system))) == [
        {"role": roles.get(role, role), "parts": [{"text": content, "n": 1}], "k": roles.get(role, role)}
        for role, content in whole
    ]


def test_a_shape_has_its_own_words() -> None:
    with pytest.raises(ValueError, match=r"^messages\.form\.x: unknown word '\$contents'; did you mean '\$content'\?$"):
        compile_request(Target(url=URL, messages=MessageShape(form={"x": "$contents"})))


def test_texts_that_only_begin_like_a_word_are_texts() -> None:
    assert send({"a": "$5", "b": "$message now", "c": "$$", "d": "$"}) == {
        "a": "$5",
        "b": "$message now",
        "c": "$$",
        "d": "$",
    }
