"""Where steps hold steps: read from the classes of steps, so that a step from outside can be edited like our own."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel

from krawall.model.step import Step
from krawall.plugins.assemble import assemble


@dataclass(frozen=True)
class LaneField:
    """A field that holds steps, by its word in documents. `inner`: it is a list of documents whose field `inner` holds them.

    `needed`: the field cannot be left out.
    """

    field: str
    inner: str = ""
    needed: bool = False


@functools.cache
def lane_fields(step: type[Step]) -> tuple[LaneField, ...]:
    """Return the fields of a step's class that hold steps, in the order of the class."""
    assemble()
    found = []
    for name, field in step.model_fields.items():
        word = field.alias or name
        if _holds_steps(field.annotation):
            found.append(LaneField(word, needed=field.is_required()))
            continue
        for model in _models(field.annotation):
            for inner_name, inner in model.model_fields.items():
                if _holds_steps(inner.annotation):
                    found.append(LaneField(word, inner.alias or inner_name, field.is_required()))
    return tuple(found)


def _holds_steps(annotation: Any) -> bool:
    return any(issubclass(model, Step) for model in _models(annotation))


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
