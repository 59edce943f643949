"""`krawall settings`: the effective values and where each came from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from krawall.cli.listing import print_list
from krawall.cli.output import print_json
from krawall.queue.connection import shown
from krawall.settings import Settings, read_settings

HIDDEN = "***"
FILE = "krawall.toml"
_URLS = frozenset({"database", "redis", "archive"})


def settings(*, json: bool = False) -> None:
    """Show every setting of a server or worker on this machine, and where its value comes from. Secrets are hidden.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    found = effective(read_settings(), os.environ, _file())
    if json:
        print_json(found)
        return
    rows = [[name, _told(one["value"]), one["from"], one["means"]] for name, one in found.items()]
    print_list(["setting", "value", "from", "+means"], rows, empty="")


def effective(made: Settings, environment: Mapping[str, str], file: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each setting's value, where it comes from and what it means. The environment wins over the file."""
    known = {name.upper() for name in environment}
    return {
        name: {
            "value": _value(name, getattr(made, name)),
            "from": _source(name, known, file),
            "means": field.description or "",
        }
        for name, field in type(made).model_fields.items()
    }


def _source(name: str, known: set[str], file: Mapping[str, Any]) -> str:
    if f"KRAWALL_{name.upper()}" in known:
        return f"KRAWALL_{name.upper()}"
    return FILE if name in file else "default"


def _value(name: str, value: object) -> object:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Path):
        return str(value.expanduser())
    return shown(value) if name in _URLS and isinstance(value, str) else value


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _file() -> dict[str, Any]:
    try:
        return tomllib.loads(Path(FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
