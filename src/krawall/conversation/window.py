"""Which part of a history is sent: everything, the last turns, or what fits a token budget. Always a suffix."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from krawall.conversation.history import USER
from krawall.model.exchange import Message
from krawall.model.scenario import WindowValue


def select(
    messages: list[Message], window: WindowValue, count: Callable[[str], int], system: str | None = None
) -> list[Message]:
    """Return the messages to send: a new list, a suffix of `messages` that begins with a user message.

    `messages` ends with the current user message, which is kept whatever the bound. A turn is a user message and its
    answer; the current one counts, so `last 1 turns` is the current message alone. A token budget is spent on the
    system prompt first, then on whole turns, newest first. `count` gives the tokens of a text. For `last` and
    `tokens` the work grows with what is kept, not with the history.
    """
    if window.keep == "all":
        return messages[_first_user(messages) :]
    if window.keep == "last":
        return messages[_last_turns(messages, window.size) :]
    if window.keep == "tokens":
        return messages[_within(messages, window.size - (count(system) if system else 0), count) :]
    assert_never(window.keep)


def _first_user(messages: list[Message]) -> int:
    for at, message in enumerate(messages):
        if message.role == USER:
            return at
    return len(messages)


def _last_turns(messages: list[Message], turns: int) -> int:
    start = len(messages)
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role == USER:
            start = at
            turns -= 1
            if turns <= 0:
                break
    return start


def _within(messages: list[Message], budget: int, count: Callable[[str], int]) -> int:
    start = len(messages)
    for at in range(len(messages) - 1, -1, -1):
        budget -= count(messages[at].content)
        current = start == len(messages)  # the current message is kept even when it alone is too long
        if budget < 0 and not current:
            break
        if messages[at].role == USER:
            start = at
            if budget < 0:
                break
    return start
