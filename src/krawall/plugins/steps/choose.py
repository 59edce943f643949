"""The step `choose`: one branch, drawn by weight from the conversation's seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from krawall.model.base import Document
from krawall.model.step import Conversation, Step, count_messages

if TYPE_CHECKING:
    from krawall.model.step import Step as AnyStep


class Branch(Document):
    """A branch and its weight against the others."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    steps: list[AnyStep]


class Choose(Step):
    """Play one branch, drawn by weight."""

    shorthand: ClassVar[str] = "branches"
    kind: Literal["choose"] = "choose"
    branches: Annotated[list[Branch], Field(min_length=1)]

    async def run(self, conversation: Conversation, path: str) -> None:
        """Draw and play."""
        (index,) = conversation.rng.choices(range(len(self.branches)), [branch.weight for branch in self.branches])
        await conversation.play(self.branches[index].steps, f"{path}.{index}")

    def lanes(self) -> Mapping[str, Sequence[Step]]:
        """Each branch, by its number."""
        return {str(index): branch.steps for index, branch in enumerate(self.branches)}

    def messages(self) -> tuple[float, float]:
        """The weighted mean of the branches; at most the longest one."""
        counts = [count_messages(branch.steps) for branch in self.branches]
        total = sum(branch.weight for branch in self.branches)
        mean = sum(count[0] * branch.weight for count, branch in zip(counts, self.branches, strict=True)) / total
        return mean, max(count[1] for count in counts)
