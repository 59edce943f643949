"""The step `message`: say something, wait for the whole reply."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar, Literal

from krawall.model.check import Expectation
from krawall.model.step import Conversation, Step
from krawall.model.text import Text


class Message(Step):
    """Say something and wait for the whole reply."""

    shorthand: ClassVar[str] = "text"
    kind: Literal["message"] = "message"
    text: Text
    expect: list[Expectation] = []

    def run(self, conversation: Conversation, path: str) -> Coroutine[Any, Any, object]:
        """Say it; the checks belong to this reply."""
        return conversation.say(self.text, path, self.expect)

    def messages(self) -> tuple[float, float]:
        """One."""
        return 1, 1
