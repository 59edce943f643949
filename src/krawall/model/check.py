"""What an author may expect of a reply: one condition, soft (counted) or hard (ends the conversation as failed)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from krawall.model.base import Document
from krawall.model.text import Expression, Text

_LIMIT = re.compile(r"(<=|>=|<|>|==|=)\s*(\d+(?:\.\d+)?)\s*([a-zµ]*)")


def _limit(value: str) -> str:
    if not _LIMIT.fullmatch(value.strip()):
        raise ValueError(f"{value!r} is not a limit; write it like '< 2s', '>= 10' or '== 3'")
    return value.strip()


Limit = Annotated[str, AfterValidator(_limit)]
"""A comparison with a number, such as `< 2s` or `>= 10`."""


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


Regex = Annotated[str, AfterValidator(_regex)]

CONDITIONS = (
    "contains",
    "lacks",
    "regex",
    "json",
    "schema",
    "length",
    "latency",
    "ttft",
    "tokens",
    "language",
    "similar",
    "that",
)


class Expectation(Document):
    """Exactly one condition on the last reply; `hard` ends the conversation as failed when it does not hold."""

    contains: Text | None = Field(None, description="text in the reply, letter case ignored")
    lacks: Text | None = Field(None, description="text that must not be in the reply, letter case ignored")
    regex: Regex | None = Field(None, description="a regular expression found in the reply")
    json_path: str | None = Field(
        None, alias="json", description="a JSONPath that finds something in the reply read as JSON"
    )
    equals: object = Field(None, description="what `json` must find")
    json_schema: dict[str, object] | None = Field(
        None, alias="schema", description="a JSON Schema that the reply read as JSON must fit"
    )
    length: Limit | None = Field(None, description="characters of the reply")
    latency: Limit | None = Field(None, description="send to last token")
    ttft: Limit | None = Field(None, description="send to first readable token")
    tokens: Limit | None = Field(None, description="output tokens")
    language: str | None = Field(None, description="ISO 639-1 code of the reply's language, guessed offline")
    similar: Text | None = Field(None, description="a reference text; see `at least`")
    at_least: Annotated[float, Field(ge=0, le=1)] = Field(
        0.6, alias="at least", description="similarity 0..1 for `similar`"
    )
    that: Expression | None = Field(None, description="an expression that must be true, e.g. `usage.output < 300`")
    hard: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in CONDITIONS if getattr(self, FIELD[name]) is not None]
        if len(given) != 1:
            raise ValueError(
                f"an expectation has exactly one condition of {', '.join(CONDITIONS)}; here: {', '.join(given) or 'none'}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_blanks(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what was not given: `equals: null` is a condition, an absent `equals` is none."""
        blank = {
            name
            for key, field in type(self).model_fields.items()
            if getattr(self, key) is None and key not in self.model_fields_set
            for name in (key, field.alias)
        }
        return {name: value for name, value in handler(self).items() if name not in blank}

    @property
    def condition(self) -> str:
        """The condition's word, such as `contains`."""
        return next(name for name in CONDITIONS if getattr(self, FIELD[name]) is not None)


FIELD = {name: {"json": "json_path", "schema": "json_schema"}.get(name, name) for name in CONDITIONS}
