"""Which plugins of a plan are not here, or are others. Nothing is imported to tell."""

from __future__ import annotations

from collections.abc import Mapping

from krawall.errors import KrawallError
from krawall.plugins import registry

_FAMILIES: dict[str, registry.Family] = {family: family for family in registry.FAMILIES}


def shown(name: str) -> str:
    """Return what a plan keeps of `FAMILY.KIND`: the version of ours, else package and version. Raises KrawallError."""
    family, _, kind = name.partition(".")
    source = registry.origin(_FAMILIES[family], kind)
    return source.version if source.package == registry.OURS else str(source)


def missing(plugins: Mapping[str, str]) -> dict[str, str]:
    """Return name -> in words for people, each of a plan's plugins that cannot be used here."""
    found = {}
    for name, wanted in plugins.items():
        family, _, kind = name.partition(".")
        word = f"the {family[:-1]} {kind!r}" + ("" if _is_ours(wanted) else f" of {wanted}")
        try:
            if family not in _FAMILIES:
                found[name] = f"{word}: this Krawall knows no {family}"
            else:
                registry.origin(_FAMILIES[family], kind)
        except KrawallError as error:
            found[name] = f"{word}: {error.message}"
    return found


def differing(plugins: Mapping[str, str]) -> list[str]:
    """Return, in words, each plugin of another package that is here in another version than the plan was made with."""
    found = []
    for name, wanted in plugins.items():
        family, _, kind = name.partition(".")
        if _is_ours(wanted) or family not in _FAMILIES or kind not in registry.kinds(_FAMILIES[family]):
            continue
        if (here := shown(name)) != wanted:
            found.append(f"the {family[:-1]} {kind!r} was of {wanted}, here it is of {here}")
    return found


def has(plugins: Mapping[str, str], version: str, name: str, wanted: str) -> bool:
    """Tell whether somebody with these `plugins` of other packages and this `version` of Krawall can use a plan's plugin."""
    return version == wanted if _is_ours(wanted) else name in plugins


def of_others() -> dict[str, str]:
    """Return `FAMILY.KIND` -> version of every kind that another package brings and that can be used here."""
    return {
        f"{family}.{kind}": found[0].version
        for family in (*registry.FAMILIES, "presets")
        for kind, found in registry.sources(family).items()
        if len(found) == 1 and found[0].package != registry.OURS
    }


def _is_ours(shown: str) -> bool:
    return " " not in shown
