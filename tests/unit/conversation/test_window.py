"""A window never exceeds its bound, is a suffix, keeps the order and the current message, and begins with the user."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from krawall.conversation.window import select
from krawall.model.exchange import Message
from krawall.model.scenario import WindowValue

WORDS = st.text("ab", max_size=12)


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Turns with or without an answer, perhaps a greeting of the bot first, and the current user message last."""
    messages = [Message("assistant", "greeting")] if draw(st.booleans()) else []
    for said, heard in draw(st.lists(st.tuples(WORDS, st.none() | WORDS), max_size=8)):
        messages.append(Message("user", said))
        if heard is not None:
            messages.append(Message("assistant", heard))
    return [*messages, Message("user", draw(WORDS))]


WINDOWS = st.one_of(
    st.just(WindowValue()),
    st.integers(1, 10).map(lambda size: WindowValue("last", size)),
    st.integers(1, 60).map(lambda size: WindowValue("tokens", size)),
)


@given(histories(), WINDOWS, st.none() | WORDS)
def test_a_window_is_a_suffix_that_begins_with_the_user_and_ends_with_the_current_message(
    messages: list[Message], window: WindowValue, system: str | None
) -> None:
    kept = select(messages, window, len, system)
    assert kept
    assert messages[len(messages) - len(kept) :] == kept
    assert kept[0].role == "user"
    assert kept[-1] is messages[-1]


@given(histories(), st.integers(1, 10))
def test_last_turns_keeps_as_many_turns_as_it_may(messages: list[Message], size: int) -> None:
    def turns(some: list[Message]) -> int:
        return sum(message.role == "user" for message in some)

    assert turns(select(messages, WindowValue("last", size), len)) == min(size, turns(messages))


@given(histories(), st.integers(1, 60), st.none() | WORDS)
@example([Message("user", "a" * 9)], 5, None)
def test_tokens_stay_within_the_budget_unless_the_current_message_alone_does_not(
    messages: list[Message], size: int, system: str | None
) -> None:
    kept = select(messages, WindowValue("tokens", size), len, system)
    used = sum(len(message.content) for message in kept) + len(system or "")
    assert used <= size or kept == messages[-1:]


@given(histories(), st.integers(1, 60))
def test_tokens_keeps_every_whole_turn_that_fits(messages: list[Message], size: int) -> None:
    kept = select(messages, WindowValue("tokens", size), len)
    starts = [at for at, message in enumerate(messages) if message.role == "user" and at < len(messages) - len(kept)]
    if starts:  # one turn more would not fit
        assert sum(len(message.content) for message in messages[starts[-1] :]) > size


@given(st.integers(1, 4), st.integers(50, 400))
def test_the_work_grows_with_what_is_kept_and_not_with_the_history(size: int, past: int) -> None:
    class Watched(list[Message]):
        reads = 0

        def __getitem__(self, at):  # type: ignore[no-untyped-def]
            self.reads += isinstance(at, int)
            return super().__getitem__(at)

    messages = [Message("user" if at % 2 == 0 else "assistant", "word") for at in range(2 * past + 1)]
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return len(text)

    last = Watched(messages)
    assert last.reads <= 2 * len(select(last, WindowValue("last", size), count))
    select(messages, WindowValue("tokens", 10 * size), count)
    assert len(counted) <= 10 * size / 4 + 2


def test_the_result_is_a_copy_and_nothing_in_is_nothing_out() -> None:
    messages = [Message("user", "hello")]
    kept = select(messages, WindowValue(), len)
    messages.append(Message("assistant", "hi"))
    assert kept == [Message("user", "hello")]
    for window in (WindowValue(), WindowValue("last", 2), WindowValue("tokens", 5)):
        assert select([], window, len) == []
        assert select([Message("assistant", "hi")], window, len) == []
