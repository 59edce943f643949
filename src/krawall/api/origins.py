"""The settings in force as answers show them: where each came from, and nothing that opens a door."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from krawall.api.records import View
from krawall.settings import Settings

HIDDEN = "hidden"


class Effective(View):
    """One setting. `source`: where its value came from. `variable`: the environment variable that sets it."""

    name: str
    value: str | int | float | bool | list[str] | None
    source: Literal["default", "file", "environment", "flag"]
    variable: str
    description: str


def effective(settings: Settings) -> list[Effective]:
    """Return every setting, in order of its declaration."""
    file, environment = TomlConfigSettingsSource(Settings)(), EnvSettingsSource(Settings)()
    without_flags = _without_flags()
    found = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        source: Literal["default", "file", "environment", "flag"] = "default"
        if without_flags is None or getattr(without_flags, name) != value:
            source = "flag"
        elif name in environment:
            source = "environment"
        elif name in file:
            source = "file"
        found.append(
            Effective(
                name=name,
                value=_shown(value),
                source=source,
                variable=f"KRAWALL_{name.upper()}",
                description=field.description or "",
            )
        )
    return found


def _without_flags() -> Settings | None:
    try:
        return Settings()
    except ValidationError:  # the file was changed since we started
        return None


def _shown(value: Any) -> str | int | float | bool | list[str] | None:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, str) and "://" in value:
        return bare(value)
    if value is None or isinstance(value, int | float | list):
        return value
    return str(value)


def bare(url: str) -> str:
    """Return a URL without its password, and with its query hidden: either may hold a key."""
    try:
        parts = urlsplit(url)
        name, at, host = parts.netloc.rpartition("@")
        netloc = f"{name.partition(':')[0]}{':***' if ':' in name else ''}{at}{host}"
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{netloc}{parts.path}{'?' + HIDDEN if parts.query else ''}"
