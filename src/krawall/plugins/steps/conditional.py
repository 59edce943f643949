"""The step `conditional` (short word `if`): one lane or the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from krawall.model.step import Conversation, Step, count_messages
from krawall.model.text import Expression

if TYPE_CHECKING:
    from krawall.model.step import Step as AnyStep


class Conditional(Step):
    """Play `then` when the expression is true, else `else`."""

    shorthand: ClassVar[str] = "condition"
    words: ClassVar[Mapping[str, str]] = {"if": "condition"}
    kind: Literal["conditional"] = "conditional"
    condition: Expression
    then: list[AnyStep] = []
    otherwise: list[AnyStep] = Field([], alias="else")

    async def run(self, conversation: Conversation, path: str) -> None:
        """Evaluate, then play one lane."""
        if conversation.evaluate(self.condition):
            await conversation.play(self.then, f"{path}.then")
        else:
            await conversation.play(self.otherwise, f"{path}.else")

    def lanes(self) -> Mapping[str, Sequence[Step]]:
        """Both lanes."""
        return {"then": self.then, "else": self.otherwise}

    def messages(self) -> tuple[float, float]:
        """The mean of the lanes; at most the longer one."""
        first, second = count_messages(self.then), count_messages(self.otherwise)
        return (first[0] + second[0]) / 2, max(first[1], second[1])
