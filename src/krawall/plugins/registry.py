"""Kinds by file name and entry point, loaded on first use. Listing kinds imports nothing."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib import metadata, resources
from typing import Any, Literal

from krawall.errors import NotFound, PluginError
from krawall.model.connector import Connector
from krawall.model.hook import Hook
from krawall.model.step import Step

Family = Literal["steps", "connectors", "hooks"]
_BASES: dict[str, type] = {"steps": Step, "connectors": Connector, "hooks": Hook}


@cache
def kinds(family: Family) -> dict[str, str]:
    """Return kind -> where it comes from: a module of ours, or `package:entry point`."""
    found = {
        entry.name.removesuffix(".py"): f"krawall.plugins.{family}.{entry.name.removesuffix('.py')}"
        for entry in resources.files(f"krawall.plugins.{family}").iterdir()
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    }
    if os.environ.get("KRAWALL_PLUGINS") != "builtin":
        for entry in metadata.entry_points(group=f"krawall.{family}"):
            found.setdefault(entry.name, entry.value)
    return dict(sorted(found.items()))


@cache
def load(family: Family, kind: str) -> type[Any]:
    """Return the class of a kind.

    Raises:
        NotFound: there is no such kind; names the nearest.
        PluginError: it does not load, or is not what its family needs.
    """
    where = kinds(family).get(kind)
    if where is None:
        raise NotFound(f"there is no {family[:-1]} {kind!r}{nearest(kind, kinds(family))}")
    module_name, _, attribute = where.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise PluginError(f"the {family[:-1]} {kind!r} does not load: {error}") from error
    base = _BASES[family]
    candidates = [getattr(module, attribute)] if attribute else _subclasses(module, base)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, base):
            return candidate
    raise PluginError(f"{where} holds no {base.__name__} of kind {kind!r}")


def _subclasses(module: Any, base: type) -> list[type]:
    members = [member for member in vars(module).values() if isinstance(member, type) and issubclass(member, base)]
    return [member for member in members if member.__module__ == module.__name__ and "kind" in _fields(member)]


def _fields(member: Any) -> Any:
    return member.model_fields


def nearest(word: str, known: Any) -> str:
    """Return `; did you mean 'loop'?` or the list of what there is."""
    known = [str(name) for name in known]
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


def _data_files(folder: str) -> Iterator[tuple[str, Any]]:
    for entry in sorted(resources.files("krawall.plugins").joinpath(folder).iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            yield entry.name.removesuffix(".yaml"), entry


def names(folder: Literal["presets", "templates"]) -> list[str]:
    """Return the names of the data files of a folder."""
    return [name for name, _ in _data_files(folder)]


def data_text(folder: Literal["presets", "templates"], name: str) -> str:
    """Return the YAML of a preset or a template.

    Raises:
        NotFound: there is none of that name.
    """
    for known, entry in _data_files(folder):
        if known == name:
            return str(entry.read_text(encoding="utf-8"))
    raise NotFound(f"there is no {folder[:-1]} {name!r}{nearest(name, names(folder))}")
