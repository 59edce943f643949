"""A target as a form and back: what a form has a field for, and as YAML everything else, so that nothing is lost. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from krawall.errors import DocumentError, Place
from krawall.wire.yaml import read, write

REST = "rest"
FIELD = "field."
TO = "to"
"""What chooses another preset; it is no field of a target."""
PLAIN = ("preset", "url", "description", "connector", "history")
"""Keys of a target that are one text field each."""
YAMLS = ("body", "request")
"""Keys of a target that are a field of YAML each."""
READS = {
    "reply.text": "text",
    "reply.conversation id": "conversation_id",
    "reply.error": "error",
    "reply.finish": "finish",
    "reply.reasoning": "reasoning",
    "reply.usage.input": "usage.input",
    "reply.usage.output": "usage.output",
    "reply.usage.cached": "usage.cached",
}
"""Fields that hold paths, one on each line, and the part of a reply that they lead to."""
KEY = "key"
"""The field of presets that takes the reference of a key; the preset knows how it is sent."""
AUTHS = (
    ("", "Nothing"),
    ("bearer", "Bearer token"),
    ("header", "API key in a header"),
    ("query", "API key in the query"),
)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAMED = {"header", "query"}


def values_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return a target as the texts of its form."""
    rest = dict(body)
    rest.pop("confirmed", None)
    values: dict[str, str] = {}
    for key in PLAIN:
        if isinstance(rest.get(key), str) and rest[key]:
            values[key] = rest.pop(key)
    if isinstance(rest.get("stream"), bool):
        values["stream"] = "yes" if rest.pop("stream") else "no"
    values |= _key_values(rest)
    fields = rest.get("fields")
    if isinstance(fields, dict) and fields and all(isinstance(value, str) and value for value in fields.values()):
        values |= {FIELD + str(name): value for name, value in rest.pop("fields").items()}
    values |= _auth_values(rest)
    values |= {key: write(rest.pop(key)) for key in YAMLS if isinstance(rest.get(key), dict | list | str) and rest[key]}
    values |= _read_values(rest)
    values[REST] = write(rest) if rest else ""
    return values


def body_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the target that a form says.

    Raises:
        DocumentError: its YAML cannot be read; the places are below `rest`, `body` or `request`.
    """
    body: dict[str, Any] = {key: values[key].strip() for key in PLAIN if values.get(key, "").strip()}
    if values.get("stream") in ("yes", "no"):
        body["stream"] = values["stream"] == "yes"
    fields = {
        key.removeprefix(FIELD): value for key, value in values.items() if key.startswith(FIELD) and value.strip()
    }
    credential = values.get("credential", "").strip()
    if values.get("auth") == KEY and credential:
        fields[KEY] = "${" + credential + "}"
    elif auth := _auth(values):
        body["auth"] = auth
    if fields:
        body["fields"] = fields
    for key in YAMLS:
        if values.get(key, "").strip():
            body[key] = _yaml(key, values[key])
    return _with_reads(body | _rest(values.get(REST, "")), values)


def _yaml(name: str, text: str) -> object:
    try:
        return read(text, name).data
    except DocumentError as error:
        raise DocumentError("target", [Place(name, place.message, place.line) for place in error.places]) from None


def _rest(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    data = _yaml(REST, text)
    if not isinstance(data, dict):
        raise DocumentError(
            "target", [Place(REST, "is a list of names with values, such as `max output tokens: 400`", 1)]
        )
    return {str(key): value for key, value in data.items() if key != "confirmed"}


def _with_reads(body: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return a target with the paths of the fields in its reply; what its YAML says of other parts stays."""
    for name in READS:
        lines = [line.strip() for line in values.get(name, "").splitlines() if line.strip()]
        if not lines:
            continue
        *way, last = name.split(".")
        at = body
        for key in way:
            inner = at.get(key, {})
            if not isinstance(inner, dict):
                raise DocumentError("target", [Place(REST, f"{key} is a list of names with values")])
            at[key] = at = dict(inner)
        if last in at:
            raise DocumentError("target", [Place(name, "is said in everything else too; leave one of them out")])
        at[last] = lines[0] if len(lines) == 1 else lines
    return body


def _read_values(rest: dict[str, Any]) -> dict[str, str]:
    """Take the paths that have a field out of `rest`, and what holds nothing else."""
    values: dict[str, str] = {}
    reply = rest.get("reply")
    if not isinstance(reply, dict):
        return values
    left = dict(reply)
    usage = left.get("usage")
    counts = dict(usage) if isinstance(usage, dict) else None
    for name in READS:
        at, last = (counts, name.rpartition(".")[2]) if ".usage." in name else (left, name.partition(".")[2])
        if at is not None and (text := _lines(at.get(last))):
            values[name] = text
            del at[last]
    if counts is not None and counts != usage:
        left["usage"] = counts
        if not counts:
            del left["usage"]
    if left:
        rest["reply"] = left
    elif values:
        del rest["reply"]
    return values


def _lines(paths: object) -> str:
    """Return paths as lines; "" for what would not come back as it was."""
    if isinstance(paths, str):
        return paths if paths and paths == paths.strip() and len(paths.splitlines()) == 1 else ""
    if isinstance(paths, list) and len(paths) > 1 and all(isinstance(each, str) and _lines(each) for each in paths):
        return "\n".join(paths)
    return ""


def _key_values(rest: dict[str, Any]) -> dict[str, str]:
    """Take the key of a preset out of `rest`."""
    fields = rest.get("fields")
    plain = isinstance(fields, dict) and all(isinstance(value, str) and value for value in fields.values())
    key = fields.get(KEY) if isinstance(fields, dict) and plain and "auth" not in rest else None
    found = _REFERENCE.fullmatch(key) if isinstance(key, str) else None
    if found is None or not isinstance(fields, dict):
        return {}
    left = {name: value for name, value in fields.items() if name != KEY}
    if left:
        rest["fields"] = left
    else:
        rest.pop("fields")
    return {"auth": KEY, "credential": found[1]}


def _auth_values(rest: dict[str, Any]) -> dict[str, str]:
    """Take a way to sign in that the form can show out of `rest`."""
    auth = rest.get("auth")
    if not isinstance(auth, dict) or len(auth) != 1:
        return {}
    kind, value = next(iter(auth.items()))
    name = ""
    if kind in _NAMED and isinstance(value, dict) and len(value) == 1:
        name, value = next(iter(value.items()))
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None or kind not in ("bearer", *_NAMED) or (kind in _NAMED) != bool(name):
        return {}
    rest.pop("auth")
    return {"auth": str(kind), "auth-name": str(name), "credential": found[1]}


def _auth(values: Mapping[str, str]) -> dict[str, Any] | None:
    kind, credential = values.get("auth", ""), values.get("credential", "").strip()
    if not kind or kind == KEY:
        return None
    reference = "${" + credential + "}"
    if kind in _NAMED:
        return {kind: {values.get("auth-name", "").strip() or "x-api-key": reference}}
    return {kind: reference}


def field_of(path: str) -> str:
    """Return the name of the field that a place of a target belongs to; empty: no field of the form."""
    head, _, tail = path.partition(".")
    if head == "fields" and tail:
        return "credential" if tail == KEY else FIELD + tail
    if head in (*PLAIN, *YAMLS, "name", REST, "stream"):
        return head
    if head == "reply":
        wanted = path.replace("_", " ").partition("[")[0]
        return wanted if wanted in READS else ""
    return "credential" if head == "auth" else ""
