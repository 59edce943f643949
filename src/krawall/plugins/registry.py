"""Kinds by file name and entry point, loaded on first use. Listing kinds imports nothing.

A package brings a kind by an entry point in the group `krawall.FAMILY`: the name is the kind, the value `module:Class`, or
`package:file.yaml` for presets. The variable KRAWALL_PLUGINS says which packages may: `builtin` (none), a list of packages
with commas, or nothing (all). Two that bring the same kind clash: then nobody may use it, for which of them did he mean?
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib import metadata, resources
from typing import Any, Literal

from krawall.errors import NotFound, PluginError
from krawall.model.base import Record
from krawall.model.connector import Connector
from krawall.model.hook import Hook
from krawall.model.scorer import Scorer
from krawall.model.sink import SinkKind
from krawall.model.step import Step
from krawall.plugins.fitting import misfit
from krawall.version import __version__

Family = Literal["steps", "connectors", "hooks", "scorers", "sinks"]
Data = Literal["presets", "templates"]
FAMILIES: tuple[Family, ...] = ("steps", "connectors", "hooks", "scorers", "sinks")
OURS = "krawall"
BASES: dict[Family, type[Any]] = {
    "steps": Step,
    "connectors": Connector,
    "hooks": Hook,
    "scorers": Scorer,
    "sinks": SinkKind,
}
"""The contract of each family."""


class Source(Record, frozen=True):
    """Who brings a kind: the package, its version, and `where` it stands (a module, or the value of the entry point)."""

    package: str
    version: str
    where: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


class _Strange(Record, frozen=True):
    """An entry point of another package, as it is written; `allowed`: KRAWALL_PLUGINS lets it in."""

    family: str
    kind: str
    source: Source
    allowed: bool


@cache
def _strangers() -> tuple[_Strange, ...]:
    """Return every entry point of ours that any package has."""
    only = os.environ.get("KRAWALL_PLUGINS", "").strip()
    names = {_normal(name) for name in only.split(",")} if only else set()
    found = []
    everything = metadata.entry_points()  # of a package that is on the path twice, the one that Python would import
    for family in (*FAMILIES, "presets"):
        for entry in everything.select(group=f"{OURS}.{family}"):
            if entry.dist is not None:
                source = Source(entry.dist.name, entry.dist.version, entry.value.replace(" ", ""))
                found.append(_Strange(family, entry.name, source, not only or _normal(entry.dist.name) in names))
    return tuple(found)


def _normal(name: str) -> str:
    """Return a package's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


@cache
def sources(family: Family | Data) -> dict[str, list[Source]]:
    """Return kind -> everybody who brings it, by kind; more than one clash."""
    found: dict[str, list[Source]] = {}
    suffix = ".yaml" if family in ("presets", "templates") else ".py"
    for entry in resources.files("krawall.plugins").joinpath(family).iterdir():
        kind = entry.name.removesuffix(suffix)
        if kind != entry.name and not kind.startswith("_"):
            where = f"krawall.plugins.{family}.{kind}" if suffix == ".py" else f"krawall.plugins:{family}/{entry.name}"
            found[kind] = [Source(OURS, __version__, where)]
    for strange in _strangers():
        if strange.family == family and strange.allowed:
            found.setdefault(strange.kind, []).append(strange.source)
    return dict(sorted(found.items()))


def kinds(family: Family) -> dict[str, str]:
    """Return kind -> where it stands: a module of ours, or an entry point's `module:Class`."""
    return {kind: found[0].where for kind, found in sources(family).items()}


def names(folder: Data) -> list[str]:
    """Return the names of presets or templates."""
    return list(sources(folder))


def origin(family: Family | Data, kind: str) -> Source:
    """Return who brings a kind.

    Raises:
        NotFound: there is no such kind; names the nearest, or the package that KRAWALL_PLUGINS leaves out.
        PluginError: more than one package brings it; names them.
    """
    found = sources(family).get(kind, [])
    word = family[:-1]
    if not found:
        for strange in _strangers():
            if (strange.family, strange.kind) == (family, kind):
                left_out = f"{strange.source} brings one, but KRAWALL_PLUGINS leaves it out"
                raise NotFound(f"there is no {word} {kind!r}: {left_out}")
        raise NotFound(f"there is no {word} {kind!r}{nearest(kind, sources(family))}")
    if len(found) > 1:
        raise PluginError(
            f"the {word} {kind!r} is brought by {' and by '.join(str(source) for source in found)}",
            hint="uninstall one of them, or name in KRAWALL_PLUGINS the packages to use",
        )
    return found[0]


@cache
def load(family: Family, kind: str) -> type[Any]:
    """Return the class of a kind.

    Raises:
        NotFound: there is no such kind; names the nearest.
        PluginError: it does not load, clashes, or is not what its family needs.
    """
    source = origin(family, kind)
    module_name, _, attribute = source.where.partition(":")
    what = f"the {family[:-1]} {kind!r}" if source.package == OURS else f"the {family[:-1]} {kind!r} of {source}"
    try:
        module = importlib.import_module(module_name)
        candidates = [getattr(module, attribute)] if attribute else _classes(module, BASES[family])
    except (Exception, SystemExit) as error:  # a plugin's boundary: others work without it
        raise PluginError(f"{what} does not load: {type(error).__name__}: {error}") from error
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BASES[family]):
            if why := misfit(candidate, kind, BASES[family]):
                raise PluginError(f"{what} {why}")
            return candidate
    raise PluginError(f"{what}: {source.where} is no {BASES[family].__name__}")


def _classes(module: Any, base: type) -> list[Any]:
    members = [member for member in vars(module).values() if isinstance(member, type) and issubclass(member, base)]
    return [member for member in members if member.__module__ == module.__name__ and "kind" in _fields(member)]


def _fields(member: Any) -> Any:
    return member.model_fields


def data_text(folder: Data, name: str) -> str:
    """Return the YAML of a preset or a template.

    Raises:
        NotFound: there is none of that name.
        PluginError: its package does not load, or holds no such file; or two packages bring it.
    """
    source = origin(folder, name)
    package, _, file = source.where.partition(":")
    try:
        return resources.files(package).joinpath(file).read_text(encoding="utf-8")
    except (Exception, SystemExit) as error:  # a plugin's boundary: importing a package may do anything
        raise PluginError(f"the {folder[:-1]} {name!r} of {source} does not load: {error}") from error


def packages() -> Iterator[tuple[Source, bool]]:
    """Yield each package that brings kinds (`where` is empty), by name, and whether KRAWALL_PLUGINS lets it in."""
    seen = {_normal(each.source.package): each for each in _strangers()}
    for _, strange in sorted(seen.items()):
        yield Source(strange.source.package, strange.source.version, ""), strange.allowed


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'loop'?` or the list of what there is."""
    all_of_them = [str(name) for name in known]
    close = get_close_matches(word, all_of_them, n=1, cutoff=0.6)
    if not all_of_them:
        return "; none is installed"
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(all_of_them)}"
