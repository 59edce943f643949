"""What is said: steps, variables, data, context window, error policy, checks. One file can hold a whole test."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from krawall.model.base import Document, Record
from krawall.model.budget import Budget
from krawall.model.load import Load
from krawall.model.policy import Injection, OnError, Timeouts
from krawall.model.target import Target
from krawall.model.threshold import Threshold

if TYPE_CHECKING:
    from krawall.model.step import Step as AnyStep
    # At run time AnyStep is the union of all step plugins; `plugins.assemble` puts it in place.


class Category(StrEnum):
    """What a scenario is for."""

    stress = "stress"
    edge_case = "edge case"
    context = "context"
    performance = "performance"
    logic = "logic"
    cost = "cost"
    attack_surface = "attack surface"
    other = "other"


class WindowValue(Record, frozen=True):
    """How much of the history is sent: everything, the last `size` turns, or at most `size` estimated tokens."""

    keep: Literal["all", "last", "tokens"] = "all"
    size: int = 0

    def __str__(self) -> str:
        return {"all": "all", "last": f"last {self.size} turns", "tokens": f"{self.size} tokens"}[self.keep]


def parse_window(value: object) -> WindowValue:
    """Return the window that `all`, `last 6 turns` or `2000 tokens` writes.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, WindowValue):
        return value
    text = str(value).strip().lower()
    if text == "all":
        return WindowValue()
    if found := re.fullmatch(r"last (\d+)(?: turns?)?", text):
        if int(found[1]) > 0:
            return WindowValue("last", int(found[1]))
    elif (found := re.fullmatch(r"(\d+)(k?) tokens?", text)) and int(found[1]) > 0:
        return WindowValue("tokens", int(found[1]) * (1000 if found[2] else 1))
    raise ValueError(f"{value!r} is not a window; write 'all', 'last 6 turns' or '2000 tokens'")


Window = Annotated[
    WindowValue,
    PlainValidator(parse_window),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "all, 'last 6 turns' or '2000 tokens'"}),
]


class AnyOf(Document):
    """A variable whose value is drawn once per conversation, from the seed."""

    any_of: Annotated[list[Any], Field(min_length=1)] = Field(alias="any of")


class Data(Document):
    """Rows for conversations: one row is `data` in texts."""

    file: str | None = Field(None, description="CSV (with a header line) or JSONL, beside the scenario's file")
    rows: list[dict[str, Any]] | None = Field(None, description="rows written here")
    pick: Literal["in order", "random", "once each"] = Field(
        "in order",
        description="`in order` starts again at the end; `once each` ends the session when the rows are used up",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.rows is None):
            raise ValueError("give either `file` or `rows`")
        if self.rows == []:
            raise ValueError("`rows` is empty")
        return self


RESERVED = frozenset(
    [
        "turn",
        "conversation",
        "user",
        "loop",
        "reply",
        "reply_json",
        "history",
        "usage",
        "now",
        "rng",
        "data",
        "var",
        "env",
        "system",
        "true",
        "false",
        "none",
        "not",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
    ]
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _inline_or_named(value: object) -> str:
    return "named" if isinstance(value, str) else "inline"


TargetOrName = Annotated[
    Annotated[Target, Tag("inline")] | Annotated[str, Field(min_length=1, max_length=200), Tag("named")],
    Discriminator(_inline_or_named),
]


class Scenario(Document):
    """A scenario file: what is said and, optionally, to whom, how much of it, and what must hold."""

    krawall: Literal[1] = Field(1, description="version of the format")
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    category: Category = Category.other
    reading: str = Field("", description="one sentence on what a good and a bad result looks like")
    language: Literal["jinja", "handlebars"] = Field("jinja", description="language of the texts")
    target: TargetOrName | None = Field(
        None,
        description="a chatbot, or the name of a target that the server keeps; the command line can lay one over it",
    )
    system: str | None = None
    window: Window = WindowValue()
    vars: dict[str, AnyOf | Any] = {}
    env: list[str] = Field([], description="environment variables that texts may read as env.NAME")
    data: Data | None = None
    steps: Annotated[list[AnyStep], Field(min_length=1)]
    on_error: OnError = OnError()
    timeouts: Timeouts = Timeouts()
    inject: list[Injection] = Field([], description="seeded faults of our own; marked, never counted as the target's")
    sinks: list[str | dict[str, Any]] = Field(
        [],
        description="who takes the lines of the log besides the log: sinks of other packages, e.g. [{tally-file: {name: a}}]",
    )
    load: Load | None = None
    budget: Budget = Budget()
    thresholds: list[Threshold] = []
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1

    @field_validator("vars")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a variable's name: letters, digits and _ only")
            if name in RESERVED:
                raise ValueError(f"{name!r} already has a meaning in texts; choose another name")
        return value
