"""Presets: what a provider's wire looks like. A preset is a YAML file of facts about a provider; the code knows no provider."""

from __future__ import annotations

import functools
import re
from typing import Any

from pydantic import Field, ValidationError

from krawall.errors import DocumentError, Place
from krawall.model.auth import REFERENCE
from krawall.model.base import Document
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.assemble import places
from krawall.wire.yaml import read

DEFAULT = "openai-chat"
KEY = "key"
"""The field that takes the reference of an API key; `auth with key` says where it goes."""

_SECRET = "write a reference such as ${BOT_KEY}: a document never holds a secret itself"
_NAME = re.compile(r"(?<!\$)\{([a-z][a-z0-9_ ]*)\}")


class PresetField(Document):
    """Something that a preset asks for. `secret`: a reference such as ${BOT_KEY} belongs there, never the secret itself."""

    name: str
    label: str
    help: str = ""
    example: str = ""
    default: str | None = None
    required: bool = False
    secret: bool = False
    options: list[str] = []


class PriceKey(Document):
    """Under which words a price list knows the model."""

    provider: str
    model: str


class Detect(Document):
    """By what a target of this preset is recognised: hosts, ends of paths, a path that answers a GET."""

    hosts: list[str] = []
    paths: list[str] = []
    get: str = ""


class Example(Document):
    """What the provider documents: the body of a reply, the data of the events of a stream, in order."""

    reply: Any = None
    events: list[Any] = []


class Preset(Document):
    """One preset. `target` holds the fields of a target, `streaming` what is laid over them for `stream: true`.

    `{name}` in their texts stands for a field.
    """

    name: str
    title: str = ""
    about: str = ""
    text: str = ""
    fields: list[PresetField] = []
    auth_with_key: dict[str, Any] = Field({}, alias="auth with key")
    price_key: PriceKey | None = Field(None, alias="price key")
    example: Example = Example()
    detect: Detect = Detect()
    target: dict[str, Any] = {}
    streaming: dict[str, Any] = Field({}, alias="when streaming")


_OWN = frozenset(field.alias or name for name, field in Preset.model_fields.items()) - {"name", "target"}


@functools.cache
def facts(name: str) -> Preset:
    """Return a preset.

    Raises:
        NotFound: there is none of that name.
        DocumentError: the file is not a preset.
    """
    label = f"preset {name}"
    source = read(registry.data_text("presets", name), label)
    data = source.data
    if not isinstance(data, dict):
        raise DocumentError(label, [Place("", "a preset is a mapping", 1)])
    own = {key: value for key, value in data.items() if key in _OWN and key != "fields"}
    # A preset's `fields` is the list that it asks for; a target's is the mapping that answers it.
    target = {key: value for key, value in data.items() if key not in _OWN}
    whole = {"name": name, **own, "fields": data.get("fields", []), "target": target}
    try:
        return Preset.model_validate(whole)
    except ValidationError as error:
        raise DocumentError(label, places(error, whole, None)) from None


def resolve(target: Target | None) -> Target:
    """Return the target with everything that its preset knows filled in.

    A preset's `when streaming` part is laid over the rest for targets with `stream: true`. The preset that is taken when none
    is named does not say where the chatbot is.

    Raises:
        NotFound: no preset of that name.
        DocumentError: what comes out is not a target, has no url, or lacks a field that the preset asks for.
    """
    authored = target.model_dump(mode="json", exclude_unset=True) if target else {}
    name = authored.get("preset") or (None if authored.get("connector") else DEFAULT)
    below: dict[str, Any] = {}
    if name:
        preset = facts(name)
        stream = authored.get("stream", preset.target.get("stream", False))
        below = lay_over(preset.target, preset.streaming if stream else {})
        if not authored.get("preset"):
            below.pop("url", None)
        below = _filled(preset, below, authored)
    whole = lay_over(below, {**authored, **({"preset": name} if name else {})})
    try:
        resolved = Target.model_validate(whole)
    except ValidationError as error:
        raise DocumentError("target", places(error, whole, None)) from None
    if not resolved.url and resolved.connector != "echo":
        raise DocumentError("target", [Place("target.url", "is missing; write it in the file or give --url")])
    return resolved


def knows_where(target: Target) -> bool:
    """Tell whether a target says where its chatbot is, by itself or by its preset. Raises NotFound: no preset of that name."""
    if target.url or target.connector == "echo":
        return True
    return bool(target.preset and facts(target.preset).target.get("url"))


def _filled(preset: Preset, below: dict[str, Any], authored: dict[str, Any]) -> dict[str, Any]:
    """Return what a preset knows with its fields in place, and the key's way of being sent."""
    given: dict[str, str] = authored.get("fields", {})
    known = {field.name: field for field in preset.fields}
    for name in given:
        if name not in known:
            near = registry.nearest(name, known) if known else "; this preset asks for nothing"
            raise DocumentError("target", [Place(f"target.fields.{name}", f"unknown field {name!r}{near}")])
        if known[name].secret and not REFERENCE.search(given[name]):
            raise DocumentError("target", [Place(f"target.fields.{name}", _SECRET)])
    values = {name: field.default for name, field in known.items() if field.default is not None} | given
    missing: list[str] = []
    below = _wanted(below, authored)
    made: dict[str, Any] = _fill(below, values, missing)
    if given.get(KEY) and "auth" not in authored and preset.auth_with_key:
        made["auth"] = _fill(preset.auth_with_key, values, missing)
    if wanted := dict.fromkeys(missing):
        raise DocumentError("target", [_missing(known.get(name), name) for name in wanted])
    return made


def _wanted(below: dict[str, Any], authored: dict[str, Any]) -> dict[str, Any]:
    """Return what of a preset's own words is used at all: an address or parts of the body that were written need no fields."""
    kept = {key: value for key, value in below.items() if key != "url" or not authored.get("url")}
    if isinstance(kept.get("body"), dict):
        if "body" in authored and not isinstance(authored["body"], dict):
            del kept["body"]
        else:
            over = {**(authored.get("body") or {}), **authored.get("request", {})}
            kept["body"] = {
                key: value for key, value in kept["body"].items() if key not in over or isinstance(value, dict)
            }
    return kept


def _missing(field: PresetField | None, name: str) -> Place:
    example = f", e.g. {field.example}" if field is not None and field.example else ""
    return Place(f"target.fields.{name}", f"is missing: {field.label if field is not None else name}{example}")


def _fill(value: Any, values: dict[str, str], missing: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(inner, values, missing) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, values, missing) for inner in value]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            missing.append(name)
            return ""
        # A default may name further fields, as a host does its account.
        return str(_fill(values[name], {key: inner for key, inner in values.items() if key != name}, missing))

    return _NAME.sub(one, value)


def lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with `above` laid over it, mapping by mapping; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = lay_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
