"""The messages of one conversation, in order. What of them is sent is decided in `window`."""

from __future__ import annotations

from krawall.model.exchange import Message

USER = "user"
ASSISTANT = "assistant"


class History:
    """What was said and heard in one conversation; owned by it and as long-lived. The system prompt is not part of it."""

    __slots__ = ("_lengths", "messages", "turns")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._lengths = [0]  # characters of all messages up to each
        self.turns = 0
        """User messages so far, those without an answer included."""

    def said(self, text: str) -> None:
        """Add a message of the user."""
        self.messages.append(Message(USER, text))
        self._lengths.append(self._lengths[-1] + len(text))
        self.turns += 1

    def heard(self, text: str) -> None:
        """Add an answer of the target."""
        self.messages.append(Message(ASSISTANT, text))
        self._lengths.append(self._lengths[-1] + len(text))

    def forget_last(self) -> None:
        """Take back the last user message if it has no answer: a skipped turn must not be sent again with the next."""
        if self.messages and self.messages[-1].role == USER:
            self.messages.pop()
            self._lengths.pop()
            self.turns -= 1

    def length(self, last: int) -> int:
        """Return how many characters the last so many messages have; `last` is not more than there are."""
        return self._lengths[-1] - self._lengths[-1 - last]

    def clear(self) -> None:
        """Forget everything."""
        self.messages.clear()
        del self._lengths[1:]
        self.turns = 0

    def as_data(self) -> list[dict[str, str]]:
        """Return the messages as plain data for texts, oldest first; the caller's own copy."""
        return [{"role": message.role, "content": message.content} for message in self.messages]
