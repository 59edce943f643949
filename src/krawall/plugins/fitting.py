"""Whether a class is what its family needs, told before the first document uses it: one bad plugin must not spoil the rest."""

from __future__ import annotations

import inspect
import sys
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

API = 1
"""The version of the contracts in `krawall.model`. A change that breaks plugins makes it one more."""


def misfit(found: type[BaseModel], kind: str, base: type) -> str:
    """Return why `found` cannot be used as the kind `kind`; empty when it can. `base`: the contract of its family."""
    version = getattr(found, "api", API)
    if version != API:
        return f"was written for API {version} of plugins; this Krawall has API {API}"
    field = found.model_fields.get("kind")
    annotation: Any = field.annotation if field is not None else None
    if (
        field is None
        or get_origin(annotation) is not Literal
        or get_args(annotation) != (kind,)
        or field.default != kind
    ):
        return f'must have the field `kind: Literal["{kind}"] = "{kind}"`'
    if inspect.isabstract(found):
        return f"does not define {', '.join(sorted(found.__abstractmethods__))}"
    words = [getattr(found, "shorthand", ""), *getattr(found, "words", {}).values()]
    for word in words:
        if word and word not in found.model_fields:
            return f"has a short form that fills {word!r}, which is none of its fields"
    if not words[0] and hasattr(base, "words"):
        return "says with no `shorthand` which field its short form fills"
    return _unbuildable(found)


def _unbuildable(found: type[BaseModel]) -> str:
    if found.__module__.startswith("krawall.plugins."):
        return ""  # tests build ours, and it takes time
    try:
        for model in models_beside(found):
            model.model_rebuild(force=True, _types_namespace={"AnyStep": Any})
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        return f"has settings that cannot be read: {str(error).splitlines()[0]}"
    return ""


def models_beside(found: type[BaseModel]) -> list[type[BaseModel]]:
    """Return `found` and every other model of its module."""
    members = [member for member in vars(sys.modules[found.__module__]).values() if isinstance(member, type)]
    return [member for member in members if issubclass(member, BaseModel) and member.__module__ == found.__module__]
