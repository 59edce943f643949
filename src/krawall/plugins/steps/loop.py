"""The step `loop`: repeat steps a number of times, while an expression holds, or over a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from krawall.model.step import Conversation, LoopBreak, Step, count_messages
from krawall.model.text import Expression

if TYPE_CHECKING:
    from krawall.model.step import Step as AnyStep


class Loop(Step):
    """Repeat steps. In them `loop.index` counts from 1, `loop.item` is the item of `over`."""

    shorthand: ClassVar[str] = "times"
    kind: Literal["loop"] = "loop"
    times: Annotated[int, Field(ge=0, le=100_000)] | None = None
    while_: Expression | None = Field(
        None, alias="while", description="go on while it is true; looked at before each pass"
    )
    over: list[Any] | Expression | None = Field(None, description="a list, or an expression that gives one")
    most: Annotated[int, Field(ge=1, le=100_000)] = Field(1000, description="never more passes than this")
    steps: Annotated[list[AnyStep], Field(min_length=1)]

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.times, self.while_, self.over)) != 1:
            raise ValueError("a loop has exactly one of `times`, `while`, `over`")
        return self

    async def run(self, conversation: Conversation, path: str) -> None:
        """Play the inner steps until the end of the count, the list or the condition, or an `end: loop`."""
        items = self._items(conversation)
        limit = self.times if self.times is not None else min(self.most, len(items)) if items is not None else self.most
        length = None if self.while_ is not None else limit
        steps = [(step, f"{path}.loop.{number}") for number, step in enumerate(self.steps)]
        try:
            for index in range(1, limit + 1):
                if self.while_ is not None and not conversation.evaluate(self.while_):
                    break
                conversation.enter_loop(index, items[index - 1] if items is not None else None, length)
                try:
                    for step, place in steps:
                        await step.run(conversation, place)
                finally:
                    conversation.leave_loop()
        except LoopBreak:
            return

    def _items(self, conversation: Conversation) -> list[Any] | None:
        if not isinstance(self.over, str):
            return self.over
        found = conversation.evaluate(self.over)
        return list(found) if isinstance(found, (list, tuple)) else []

    def lanes(self) -> Mapping[str, Sequence[Step]]:
        """The repeated steps."""
        return {"loop": self.steps}

    def messages(self) -> tuple[float, float]:
        """Passes times the inner messages; a `while` is counted as one pass, at most `most`."""
        low, high = count_messages(self.steps)
        if self.times is not None:
            return low * self.times, high * self.times
        if isinstance(self.over, list):
            passes = min(len(self.over), self.most)
            return low * passes, high * passes
        return low, high * self.most
