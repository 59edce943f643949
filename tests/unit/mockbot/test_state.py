"""What a server keeps between requests."""

import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import Call
from krawall.mockbot.personas import Message
from krawall.mockbot.state import State


def said(text: str, conversation: str | None) -> Call:
    return Call(Ask([Message("user", text)]), conversation=conversation)


def test_a_held_conversation_grows_and_gets_a_name() -> None:
    state = State(Behaviour())
    first = state.recall(said("one", ""))
    assert first.conversation == "c1"
    state.remember(first, Answer(["two"], "stop", 1, 0))
    assert [message.text for message in state.recall(said("three", "c1")).ask.messages] == ["one", "two", "three"]
    assert [message.text for message in state.recall(said("three", "other")).ask.messages] == ["three"]


def test_a_conversation_is_held_in_part_and_conversations_are_bounded() -> None:
    state = State(Behaviour())
    for index in range(10_050):
        call = state.recall(said(str(index), f"c{index}"))
        state.remember(call, Answer(["a"], "stop", 1, 0))
    assert len(state.recall(said("x", "c5")).ask.messages) == 1
    for _ in range(150):
        state.remember(state.recall(said("x", "c10049")), Answer(["a"], "stop", 1, 0))
    assert len(state.recall(said("x", "c10049")).ask.messages) == 201


def test_a_client_held_conversation_is_left_alone() -> None:
    state = State(Behaviour())
    call = said("x", None)
    state.remember(call, Answer(["a"], "stop", 1, 0))
    assert state.recall(call) is call


def test_overrides_last_for_their_header_and_end_with_the_behaviour() -> None:
    state = State(Behaviour())
    assert state.rules_for(b"seed=5").behaviour == Behaviour(seed=5)
    state.behave(Behaviour(gap="7ms"))
    assert state.rules_for(b"seed=5").behaviour == Behaviour(seed=5, gap="7ms")
    assert state.rules_for(b"").behaviour == Behaviour(gap="7ms")
    with pytest.raises(ValueError, match="nonsense"):
        state.rules_for(b"nonsense=5")
