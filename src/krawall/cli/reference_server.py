"""Pages of the reference that mirror the server: routes, events, settings. `krawall.cli.reference` writes them."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from krawall.api.app import make_api
from krawall.api.openapi import TAGS
from krawall.app import App
from krawall.model.event import EventBody
from krawall.settings import Settings

_METHODS = ("get", "post", "put", "patch", "delete")


def described() -> dict[str, Any]:
    """Return the OpenAPI document. Nothing is opened for it."""
    app = SimpleNamespace(settings=Settings.model_construct(), store=None, jobs=None)
    return make_api(cast(App, app)).openapi()


def openapi_json() -> str:
    """Return the OpenAPI document as the page that is checked in."""
    return msgspec.json.format(msgspec.json.encode(described()), indent=1).decode() + "\n"


def routes() -> str:
    """Return a table of routes for each tag."""
    paths = described()["paths"]
    parts = []
    for tag, about in TAGS.items():
        rows = [
            f"| `{method.upper()} {path}` | {operation.get('summary', '')} |"
            for path, item in paths.items()
            for method, operation in item.items()
            if method in _METHODS and tag in operation.get("tags", ())
        ]
        parts.append("\n".join([f"## {tag}\n", f"{about}\n", "| route | does |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def events() -> str:
    """Return a table of the types of events."""
    rows = ["| type | fields | when |", "|---|---|---|"]
    for body in sorted(EventBody.__args__, key=lambda each: str(each.__struct_config__.tag)):
        fields = ", ".join(f"`{name}`" for name in body.__struct_fields__)
        about = " ".join((inspect.getdoc(body) or "").split())
        rows.append(f"| `{body.__struct_config__.tag}` | {fields} | {about} |")
    return "\n".join(rows) + "\n"


def settings() -> str:
    """Return a table of the settings."""
    rows = ["| setting | variable | default | means |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", []) else f"`{field.default}`"
        rows.append(f"| `{name}` | `KRAWALL_{name.upper()}` | {default} | {field.description or ''} |")
    return "\n".join(rows) + "\n"
