"""The step `end`: the conversation ends here, or the innermost loop does."""

from __future__ import annotations

from typing import ClassVar, Literal

from krawall.model.step import Conversation, LoopBreak, Step


class End(Step):
    """End the conversation, with a reason; `end: loop` leaves the innermost loop instead."""

    shorthand: ClassVar[str] = "because"
    kind: Literal["end"] = "end"
    because: str = "the scenario ends here"

    async def run(self, conversation: Conversation, path: str) -> None:
        """Leave."""
        if self.because == "loop":
            raise LoopBreak
        conversation.end(self.because)
