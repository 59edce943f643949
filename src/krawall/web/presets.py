"""Presets as forms see them: in order, and which address one gives a target by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from krawall.errors import KrawallError
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.preset import Preset, facts, resolve


def presets() -> list[Preset]:
    """Return every preset that loads: ours for trying out first, what needs a mapping of one's own last."""
    found = []
    for name in registry.names("presets"):
        if (preset := preset_of(name)) is not None:
            found.append(preset)
    return sorted(found, key=lambda each: (each.name != "mock", each.name.startswith("custom"), title_of(each).lower()))


def preset_of(name: str) -> Preset | None:
    """Return a preset by its name; None if there is none, or it does not load."""
    try:
        return facts(name) if name else None
    except KrawallError:
        return None


def title_of(preset: Preset) -> str:
    """Return what a person calls a preset."""
    return preset.title or preset.name.replace("-", " ").capitalize()


def implied_address(body: Mapping[str, Any]) -> str:
    """Return the address that a target has by its preset and fields alone; empty when it has none, or something is missing."""
    told = {key: body[key] for key in ("preset", "fields", "stream", "request") if key in body}
    try:
        return resolve(Target.model_validate(told)).url if told.get("preset") else ""
    except (KrawallError, ValueError):
        return ""
