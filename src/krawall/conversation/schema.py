"""JSON Schema (Draft 2020-12) for replies: compiled once, references inside the schema only, nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError


def compile_schema(schema: dict[str, object]) -> Callable[[object], str]:
    """Return a function that says where a value does not fit `schema` first, or an empty text.

    Raises:
        ValueError: it is not a JSON Schema, or a `$ref` in it leads outside it or nowhere.
    """
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {error.message[:120]}") from None
    for word, reference in _references(schema):
        if word == "$id":
            raise ValueError(f"the schema has an $id inside ({reference!r}); only the whole may have one")
        if not _leads_somewhere(schema, reference):
            raise ValueError(f"the schema's $ref {reference!r} leads nowhere; write it like '#/$defs/name'")
    validator = Draft202012Validator(schema)

    def first_misfit(value: object) -> str:
        try:
            error = next(validator.iter_errors(value), None)
        except RecursionError:
            return "the schema refers to itself without end"
        return f"{error.json_path}: {error.message}" if error else ""

    return first_misfit


def _references(part: object, top: bool = True) -> Iterator[tuple[str, str]]:
    """Yield every `$ref`, and every `$id` below the top, which would change what the references mean."""
    if isinstance(part, dict):
        for key, inner in part.items():
            if key in ("$ref", "$dynamicRef", "$id") and isinstance(inner, str):
                if not (top and key == "$id"):
                    yield key, inner
            else:
                yield from _references(inner, False)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner, False)


def _leads_somewhere(schema: object, reference: str) -> bool:
    """Follow a JSON pointer in a fragment (RFC 6901 section 6)."""
    if reference != "#" and not reference.startswith("#/"):
        return False
    at = schema
    for step in reference.split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and key in at:
            at = at[key]
        elif isinstance(at, list) and key.isdigit() and int(key) < len(at):
            at = at[int(key)]
        else:
            return False
    return True
