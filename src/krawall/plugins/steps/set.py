"""The step `set`: take something out of the last reply, or compute it, into variables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import jsonpath
from pydantic import Field, model_validator

from krawall.conversation.facts import NotJson, read_json
from krawall.model.base import Document
from krawall.model.check import Regex
from krawall.model.step import Conversation, Step
from krawall.model.text import Expression, Text


class Take(Document):
    """Where a value comes from: exactly one of `json`, `regex`, `value`, `text`."""

    json_path: str | None = Field(
        None, alias="json", description="a JSONPath into the reply read as JSON; the first match"
    )
    regex: Regex | None = Field(None, description="the first group of the first match in the reply, or the whole match")
    value: Expression | None = Field(None, description="an expression")
    text: Text | None = Field(None, description="a template")
    default: Any = Field("", description="the value when nothing is found")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.json_path, self.regex, self.value, self.text)) != 1:
            raise ValueError("give exactly one of `json`, `regex`, `value`, `text`")
        if self.json_path is not None:
            try:
                jsonpath.compile(self.json_path)
            except jsonpath.JSONPathError as error:
                raise ValueError(f"not a JSONPath: {error}") from None
        return self

    def out_of(self, conversation: Conversation) -> Any:
        """Return the value."""
        if self.value is not None:
            return conversation.evaluate(self.value)
        if self.text is not None:
            return conversation.render(self.text)
        heard = conversation.last.text if conversation.last else ""
        if self.regex is not None:
            found = re.search(self.regex, heard)
            return self.default if found is None else found[1] if found.re.groups else found[0]
        return self._from_json(heard)

    def _from_json(self, heard: str) -> Any:
        try:
            data = read_json(heard)
        except NotJson:
            return self.default
        matches = jsonpath.findall(str(self.json_path), data)
        return matches[0] if matches else self.default


class Set(Step):
    """Set variables for the rest of the conversation."""

    shorthand: ClassVar[str] = "values"
    kind: Literal["set"] = "set"
    values: Annotated[dict[str, Take], Field(min_length=1)]

    async def run(self, conversation: Conversation, path: str) -> None:
        """Take each value, in order; later ones may use earlier ones."""
        for name, take in self.values.items():
            conversation.vars[name] = take.out_of(conversation)

    def defines(self) -> Sequence[str]:
        """The names it sets."""
        return tuple(self.values)
