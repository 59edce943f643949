"""Bodies and answers that are JSON or YAML, as the caller likes it; preconditions of changes."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Header, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException

YAML = "application/yaml"  # RFC 9512
YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml", "text/x-yaml"})

M = TypeVar("M", bound=BaseModel)
Match = Annotated[
    str | None, Header(alias="If-Match", max_length=1_000, description="the ETag that was changed, or `*`")
]


class Body(BaseModel):
    """What a request holds. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def media_type(request: Request) -> str:
    """Return the type of a request's body, lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_or_yaml(request: Request, model: type[M]) -> M | str:
    """Return the body as `model`, or as the text it is when it is YAML.

    Raises:
        RequestValidationError: it does not fit the model.
        HTTPException: it is neither JSON nor YAML.
    """
    kind = media_type(request)
    body = await request.body()
    if kind in YAML_TYPES:
        return as_text(body)
    if kind != "application/json":
        raise HTTPException(415, f"send application/json or {YAML}")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**detail, "loc": ("body", *detail["loc"])} for detail in error.errors(include_url=False)]
        ) from None


def as_text(body: bytes) -> str:
    """Return the text of a body. Raises HTTPException when it is not UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"the body is not UTF-8 text: byte {error.start}") from None


def wants_yaml(request: Request) -> bool:
    """Tell whether YAML is what the caller likes best (RFC 9110 section 12.5.1)."""
    weights = {"yaml": 0.0, "json": 0.0}
    for part in request.headers.get("accept", "").split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        if kind in YAML_TYPES:
            weights["yaml"] = max(weights["yaml"], weight)
        elif kind in ("application/json", "application/*", "*/*"):
            weights["json"] = max(weights["json"], weight)
    return weights["yaml"] > 0 and weights["yaml"] >= weights["json"]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def precondition(match: str | None) -> list[str] | None:
    """Return the ETags of an If-Match header; None for `*`.

    Raises:
        HTTPException: there is none; a change must say what it was made from.
    """
    if match is None or not match.strip():
        raise HTTPException(
            428, "name the revision that you changed: If-Match with its ETag, or * for whatever is there"
        )
    return None if match.strip() == "*" else [part.strip() for part in match.split(",")]


def described(model: type[BaseModel], yaml: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a body that a route reads by itself: JSON of `model`, or YAML of the schema `yaml`."""
    content = {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}},
        YAML: {"schema": yaml},
    }
    return {"requestBody": {"required": True, "content": content}}
