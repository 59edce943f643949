"""Request bodies: placed values, left-out places, the overlay."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.exchange import Message, Prompt
from krawall.model.target import Target
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


def place(value: object, words: dict[str, object]) -> object:
    """The oracle: replace words in plain data, drop the places of those that are None."""
    if isinstance(value, dict):
        return {
            key: place(inner, words)
            for key, inner in value.items()
            if not (inner in WORDS and words[str(inner)] is None)
        }
    if isinstance(value, list):
        return [place(inner, words) for inner in value if not (inner in WORDS and words[str(inner)] is None)]
    return words.get(value, value) if isinstance(value, str) else value


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
    assert json.loads(build(said)) == place(body, words)
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


def test_texts_that_only_begin_like_a_word_are_texts() -> None:
    assert send({"a": "$5", "b": "$message now", "c": "$$", "d": "$"}) == {
        "a": "$5",
        "b": "$message now",
        "c": "$$",
        "d": "$",
    }
