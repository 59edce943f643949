"""How records appear in OpenAPI: a pydantic model is derived from each msgspec struct, so that no shape is written twice."""

from __future__ import annotations

import functools
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import fields
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema


class View(BaseModel):
    """What an answer is made of. Nobody writes to it."""

    model_config = ConfigDict(frozen=True)


@functools.cache
def model_of(struct: type[msgspec.Struct], *, without: str = "") -> type[BaseModel]:
    """Return the pydantic model with a struct's fields under the names they have in JSON; `without`: one that is left out."""
    hints = get_type_hints(struct)
    made: dict[str, Any] = {}
    for field in fields(struct):
        if field.name == without:
            continue
        if field.default_factory is not msgspec.NODEFAULT:
            rest = Field(default_factory=field.default_factory, alias=_alias(field.name, field.encode_name))
        elif field.default is not msgspec.NODEFAULT:
            rest = Field(default=field.default, alias=_alias(field.name, field.encode_name))
        else:
            rest = Field(alias=_alias(field.name, field.encode_name))
        made[field.name] = (_shape(hints[field.name]), rest)
    return create_model(struct.__name__, __base__=View, __doc__=struct.__doc__, __module__=struct.__module__, **made)


def _alias(name: str, encoded: str) -> str | None:
    return encoded if encoded != name else None


def _shape(hint: Any) -> Any:
    """Return the hint with every struct in it replaced by its model."""
    if isinstance(hint, type) and get_origin(hint) is None:
        return model_of(hint) if issubclass(hint, msgspec.Struct) else hint
    origin, inner = get_origin(hint), tuple(_shape(each) for each in get_args(hint))
    if origin in (Union, UnionType):
        return Union[inner]  # noqa: UP007 - built at run time
    return origin[inner] if origin in (list, dict, tuple, frozenset) else hint


class AsModel:
    """Marks a pydantic field that holds a struct: `Annotated[Summary, AsModel()]`. It takes the struct or its plain data."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Stand in for the struct with its model."""
        return core_schema.no_info_before_validator_function(_plain, handler.generate_schema(_shape(source)))


def _plain(value: object) -> object:
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
