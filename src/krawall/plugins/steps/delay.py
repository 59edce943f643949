"""The step `delay`: wait between turns, as a person would."""

from __future__ import annotations

from typing import ClassVar, Literal

from krawall.model.spread import Spread
from krawall.model.step import Conversation, Step


class Delay(Step):
    """Wait between turns, as a person would."""

    shorthand: ClassVar[str] = "time"
    kind: Literal["delay"] = "delay"
    time: Spread

    async def run(self, conversation: Conversation, path: str) -> None:
        """Wait for a drawn time."""
        await conversation.pause(self.time)
