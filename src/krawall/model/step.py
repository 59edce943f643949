"""The contract of a step: a document with `run`. A step sees only the Conversation: no sockets, clocks, files or other users."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from random import Random
from types import UnionType
from typing import Any, ClassVar, NoReturn, Protocol, Union, get_args, get_origin

from pydantic import SerializerFunctionWrapHandler, model_serializer

from krawall.model.base import Document
from krawall.model.check import Expectation
from krawall.model.exchange import Reply
from krawall.model.spread import SpreadValue
from krawall.model.text import ExpressionMark, TemplateMark


class Conversation(Protocol):
    """All that a step may do. One per pass through the scenario."""

    vars: dict[str, Any]
    last: Reply | None

    @property
    def rng(self) -> Random:
        """The conversation's own generator: a function of the seed and the conversation's index."""
        ...

    def say(self, text: str, step: str, expect: Sequence[Expectation] = ()) -> Coroutine[Any, Any, Reply | None]:
        """Render `text`, send it, wait for the whole reply; None when the error policy skipped the turn."""
        ...

    async def pause(self, spread: SpreadValue) -> None:
        """Wait for a drawn time."""
        ...

    async def play(self, steps: Sequence[Step], under: str) -> None:
        """Run `steps`, whose paths begin with `under`."""
        ...

    def render(self, text: str) -> str:
        """Render a template of the scenario."""
        ...

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression of the scenario."""
        ...

    def expect(self, expectations: Sequence[Expectation]) -> None:
        """Check the last reply and note the results with it."""
        ...

    def enter_loop(self, index: int, item: object, length: int | None) -> None:
        """Set `loop` for the steps of an iteration; `index` counts from 1."""
        ...

    def leave_loop(self) -> None:
        """Restore the enclosing loop's `loop`."""
        ...

    def end(self, because: str) -> NoReturn:
        """End the conversation here."""
        ...


class LoopBreak(Exception):
    """Leaves the innermost loop. Raised by the `end` step's `loop` form only."""


class Step(Document):
    """Base of all steps. The file name is the kind and the word in YAML.

    `shorthand` names the field that the short form fills: `- delay: 2s` is `{kind: delay, seconds: 2s}`.
    `words` are further words for the short form, with the field each fills, e.g. `if` for `conditional`.
    """

    api: ClassVar[int] = 1
    shorthand: ClassVar[str] = ""
    words: ClassVar[Mapping[str, str]] = {}
    kind: str

    @model_serializer(mode="wrap")
    def _in_short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write the short form: `{message: hello}`, not `{kind: message, text: hello}`."""
        data = handler(self)
        data.pop("kind", None)
        field = type(self).model_fields.get(self.shorthand)
        return {self.kind: data.pop((field.alias if field else None) or self.shorthand, None), **data}

    @abstractmethod
    def run(self, conversation: Conversation, path: str) -> Coroutine[Any, Any, object]:
        """Play the step (an `async def`); `path` is its place in the scenario, e.g. `steps.2.loop.0`."""

    def lanes(self) -> Mapping[str, Sequence[Step]]:
        """The step's inner lists of steps, by the name they have in paths."""
        return {}

    def defines(self) -> Sequence[str]:
        """Names of variables that the step sets."""
        return ()

    def messages(self) -> tuple[float, float]:
        """How many messages a pass sends: expected number and upper bound (inf when unknown), from inner lanes by default."""
        counts = [count_messages(lane) for lane in self.lanes().values()]
        return sum(low for low, _ in counts), sum(high for _, high in counts)


def count_messages(steps: Sequence[Step]) -> tuple[float, float]:
    """Return (expected, upper bound) of messages that one pass through `steps` sends."""
    counts = [step.messages() for step in steps]
    return sum(low for low, _ in counts), sum(high for _, high in counts)


def walk(steps: Sequence[Step], under: str = "steps") -> Iterator[tuple[str, Step]]:
    """Yield (path, step) for every step, outer before inner, in document order."""
    for index, step in enumerate(steps):
        path = f"{under}.{index}"
        yield path, step
        for lane, inner in step.lanes().items():
            yield from walk(inner, f"{path}.{lane}")


def texts(document: Document, path: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (path, text, is_expression) for each template and expression of a document, inner steps left out."""
    for name, field in type(document).model_fields.items():
        value = getattr(document, name)
        marks = {type(mark) for mark in field.metadata} | _marks(field.annotation, value)
        yield from _texts_in(value, f"{path}.{field.alias or name}", TemplateMark in marks, ExpressionMark in marks)


def _marks(annotation: object, value: object) -> set[type]:
    """Return the marks that hold for a value: those of the member of a union, or the items, that it can be."""
    found = {type(mark) for mark in getattr(annotation, "__metadata__", ())}
    origin = get_origin(annotation)
    if origin in (list, dict) and isinstance(value, origin):
        return found | {mark for part in get_args(annotation) for mark in _all_marks(part)}
    if origin in (Union, UnionType):
        return found | {mark for part in get_args(annotation) for mark in _marks(part, value) if _can_be(part, value)}
    return found


def _all_marks(annotation: object) -> set[type]:
    found = {type(mark) for mark in getattr(annotation, "__metadata__", ())}
    return found.union(*(_all_marks(part) for part in get_args(annotation)))


def _can_be(annotation: object, value: object) -> bool:
    origin = get_origin(annotation)
    return isinstance(value, origin) if origin in (list, dict) else isinstance(value, str)


def _texts_in(value: object, where: str, template: bool, expression: bool) -> Iterator[tuple[str, str, bool]]:
    if isinstance(value, str) and (template or expression):
        yield where, value, expression
    elif isinstance(value, Step):
        return
    elif isinstance(value, Document):
        yield from texts(value, where)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts_in(inner, f"{where}.{key}", template, expression)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _texts_in(inner, f"{where}.{index}", template, expression)
