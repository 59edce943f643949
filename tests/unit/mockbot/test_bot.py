"""The tokenizer and answers."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.bot import Ask, Speaker, answer, count_tokens, pieces
from krawall.mockbot.manner import REFUSAL, Kind, Tool
from krawall.mockbot.personas import PERSONAS, Message
from krawall.mockbot.spread import Spread, count

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=80)
ROLE = st.sampled_from(["system", "user", "assistant"])
MESSAGES = st.lists(st.builds(Message, ROLE, TEXT), min_size=1, max_size=6)
KINDS = st.sampled_from(get_args(Kind))
FREE = [name for name in PERSONAS if name not in ("echo", "repetitive")]
WORDS = st.lists(
    st.sampled_from(["where", "parcel", "lamp", "invoice", "login", "late", "42", "PH-17"]), min_size=1
).map(" ".join)


@given(TEXT)
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    assert text == "".join(pieces(text))
    assert len(pieces(text)) == count_tokens(text)


@given(TEXT)
def test_a_piece_holds_at_most_eight_characters_beside_white_space(text: str) -> None:
    assert all(len(piece.strip()) <= 8 for piece in pieces(text))


def test_words_take_the_white_space_before_them_and_long_words_are_cut() -> None:
    assert pieces("Two words, extraordinarily  ") == ["Two", " words,", " extraord", "inarily", "  "]
    assert pieces("") == []


@given(MESSAGES, st.sampled_from(sorted(PERSONAS)), st.integers(0, 5), st.integers(1, 40))
def test_an_answer_is_never_empty_and_its_tokens_can_be_counted_from_its_text(
    messages: list[Message], persona: str, seed: int, length: int
) -> None:
    said = answer(Ask(messages), persona, seed, count(str(length)))
    assert said.pieces == pieces(said.text)
    assert said.pieces
    assert said.finish == "stop"
    assert said.prompt_tokens == sum(count_tokens(message.text) for message in messages)


@given(MESSAGES, st.sampled_from(sorted(PERSONAS)), st.integers(1, 30))
def test_a_maximum_cuts_the_same_text(messages: list[Message], persona: str, maximum: int) -> None:
    full = answer(Ask(messages), persona, 0, count("24"))
    cut = answer(Ask(messages, max_tokens=maximum), persona, 0, count("24"))
    assert cut.pieces == full.pieces[:maximum]
    assert ("length" if len(full.pieces) > maximum else "stop") == cut.finish


@given(MESSAGES, st.sampled_from(sorted(PERSONAS)), KINDS, st.integers(0, 40), st.integers(1, 30))
def test_thoughts_and_reply_share_the_maximum_and_thoughts_come_first(
    messages: list[Message], persona: str, kind: Kind, reasoning: int, maximum: int
) -> None:
    thinking = count(str(reasoning))
    full = answer(Ask(messages), persona, 0, count("24"), thinking, kind)
    assert (len(full.thoughts), full.finish) == (reasoning, "stop")
    assert full.thoughts == pieces(full.thought)
    assert full.pieces == answer(Ask(messages), persona, 0, count("24"), None, kind).pieces
    cut = answer(Ask(messages, max_tokens=maximum), persona, 0, count("24"), thinking, kind)
    assert cut.thoughts + cut.pieces == (full.thoughts + full.pieces)[:maximum]
    assert cut.tokens == min(maximum, full.tokens)
    assert ("length" if full.tokens > maximum else "stop") == cut.finish


@given(MESSAGES, KINDS)
def test_a_tool_is_called_with_json_and_only_when_a_user_has_spoken(messages: list[Message], kind: Kind) -> None:
    tools = (Tool("weather", {"city": "string", "days": "integer"}), Tool("now", {}))
    said = answer(Ask(messages, tools=tools), "default", 0, count("24"), None, kind)
    assert (said.kind == "tool") == (kind == "tool" and messages[-1].role == "user")
    if said.kind == "tool":
        [tool] = [tool for tool in tools if tool.name == said.tool]
        assert set(json.loads(said.text)) == set(tool.parameters)
    if said.kind == "refusal":
        assert said.text == REFUSAL


def test_without_tools_the_bot_looks_something_up() -> None:
    said = answer(Ask([Message("user", "my parcel")]), "default", 0, count("24"), None, "tool")
    assert said.tool == "look_up"
    assert set(json.loads(said.text)) == {"query"}


@given(WORDS, st.integers(1, 200))
def test_a_free_answer_has_exactly_the_tokens_asked_for(prompt: str, length: int) -> None:
    for persona in ("default", "shop"):
        assert length == len(answer(Ask([Message("user", prompt)]), persona, 1, count(str(length))).pieces)


@given(MESSAGES, st.integers(0, 3))
def test_a_speaker_says_what_answer_says_whatever_it_was_asked_before(messages: list[Message], seed: int) -> None:
    speaker = Speaker()
    asks = [Ask(messages), Ask(messages, max_tokens=2), Ask(messages, json_fields={"a": "integer"}), Ask(messages)]
    tooled = [Ask(messages, tools=(Tool(name, {}),)) for name in ("a", "b")]
    turns: list[tuple[Ask, Spread | None, Kind]] = [(ask, None, "text") for ask in asks]
    turns += [(asks[0], count("3"), "text"), (asks[0], None, "refusal"), *((ask, None, "tool") for ask in tooled)]
    said = [speaker.answer(ask, "default", seed, count("5..50"), *rest) for ask, *rest in turns]
    assert said == [answer(ask, "default", seed, count("5..50"), *rest) for ask, *rest in turns]


def test_seed_persona_and_messages_all_matter() -> None:
    def text(seed: int, persona: str, prompt: str) -> str:
        return answer(Ask([Message("user", prompt)]), persona, seed, count("60")).text

    texts = {text(seed, persona, prompt) for seed in (1, 2) for persona in FREE[:4] for prompt in ("a lamp", "a desk")}
    assert len(texts) == 2 * 4 * 2


def test_the_previous_prompt_counts_as_cached() -> None:
    first = [Message("system", "You help."), Message("user", "Where is it?")]
    later = [*first, Message("assistant", "On its way."), Message("user", "Since when?")]
    assert answer(Ask(first), "default", 0, count("9")).cached_tokens == 0
    assert answer(Ask(later), "default", 0, count("9")).cached_tokens == 5


def test_an_unknown_persona_is_an_error() -> None:
    with pytest.raises(KeyError):
        answer(Ask([Message("user", "x")]), "pirate", 0, count("1"))


def test_a_request_for_json_is_answered_with_its_fields_and_types() -> None:
    kinds = {"name": "string", "n": "integer", "x": "number", "ok": "boolean", "tags": "array", "more": "object"}
    reply = json.loads(answer(Ask([Message("user", "go")], json_fields=kinds), "default", 0, count("1")).text)
    assert {"name": str, "n": int, "x": float, "ok": bool, "tags": list, "more": dict} == {
        k: type(v) for k, v in reply.items()
    }
