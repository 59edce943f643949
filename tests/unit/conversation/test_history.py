"""A history holds what was said and heard, and a skipped turn leaves no trace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.history import History
from krawall.model.exchange import Message


@given(st.lists(st.tuples(st.text(max_size=5), st.none() | st.text(max_size=5)), max_size=20))
def test_skipped_turns_leave_no_user_message_without_an_answer(turns: list[tuple[str, str | None]]) -> None:
    history = History()
    for said, heard in turns:
        history.said(said)
        if heard is None:
            history.forget_last()
        else:
            history.heard(heard)
    answered = [(said, heard) for said, heard in turns if heard is not None]
    assert history.turns == len(answered)
    assert [message.role for message in history.messages] == ["user", "assistant"] * len(answered)
    assert [message.content for message in history.messages] == [text for turn in answered for text in turn]


def test_forgetting_leaves_an_answered_turn_alone() -> None:
    history = History()
    history.forget_last()
    history.said("hello")
    history.heard("hi")
    history.forget_last()
    assert history.messages == [Message("user", "hello"), Message("assistant", "hi")]
    history.clear()
    assert history.messages == []
    assert history.turns == 0


def test_data_for_texts_is_a_copy() -> None:
    history = History()
    history.said("hello")
    history.as_data()[0]["content"] = "changed"
    assert history.as_data() == [{"role": "user", "content": "hello"}]
