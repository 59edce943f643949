"""The step `expect`: checks on the last reply."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from krawall.model.check import Expectation
from krawall.model.step import Conversation, Step


class Expect(Step):
    """Check the last reply; a hard condition that fails ends the conversation as failed."""

    shorthand: ClassVar[str] = "checks"
    kind: Literal["expect"] = "expect"
    checks: Annotated[list[Expectation], Field(min_length=1)]

    async def run(self, conversation: Conversation, path: str) -> None:
        """Check and note the results."""
        conversation.expect(self.checks)
