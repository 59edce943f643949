"""Lays a target over its preset. A preset is one YAML file of facts about a provider; the code knows no provider."""

from __future__ import annotations

import functools
from typing import Any

from pydantic import ValidationError

from krawall.errors import DocumentError, Place
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.assemble import places
from krawall.wire.yaml import read

DEFAULT = "openai-chat"


@functools.cache
def _preset(name: str) -> dict[str, Any]:
    data = read(registry.data_text("presets", name), f"preset {name}").data
    assert isinstance(data, dict)
    return data


def resolve(target: Target | None) -> Target:
    """Return the target with everything that its preset knows filled in.

    A preset's `when streaming` part is laid over the rest for targets with `stream: true`.

    Raises:
        NotFound: no preset of that name.
        DocumentError: what comes out is not a target, or has no url.
    """
    authored = target.model_dump(mode="json", exclude_unset=True) if target else {}
    name = authored.get("preset") or (None if authored.get("connector") else DEFAULT)
    facts = dict(_preset(name)) if name else {}
    streaming = facts.pop("when streaming", {})
    facts.pop("about", None)
    stream = authored.get("stream", facts.get("stream", False))
    whole = lay_over(facts, streaming if stream else {})
    whole = lay_over(whole, {**authored, **({"preset": name} if name else {})})
    try:
        resolved = Target.model_validate(whole)
    except ValidationError as error:
        raise DocumentError("target", places(error, whole, None)) from None
    if not resolved.url and resolved.connector != "echo":
        raise DocumentError("target", [Place("target.url", "is missing; write it in the file or give --url")])
    return resolved


def lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with `above` laid over it, mapping by mapping; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = lay_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
