"""Which plugins a plan needs, and which of them are not here. Nothing is imported to tell."""

from __future__ import annotations

from collections.abc import Mapping

from krawall.errors import KrawallError
from krawall.model.scenario import Scenario
from krawall.model.step import walk
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.hooking import hooks_of
from krawall.plugins.sinking import sinks_of

_FAMILIES: dict[str, registry.Family] = {family: family for family in registry.FAMILIES}


def plugins_of(scenario: Scenario, target: Target) -> dict[str, str]:
    """Return `FAMILY.KIND` -> version of what a scenario and its resolved target use; of others with their package's name."""
    found = {f"steps.{step.kind}" for _, step in walk(scenario.steps)}
    found.add(f"connectors.{target.connector or 'http'}")
    found |= {f"hooks.{hook.kind}" for hook in hooks_of(target)}
    found |= {f"sinks.{sink.kind}" for sink in sinks_of(scenario)}
    return {name: _shown(_origin(name)) for name in sorted(found)}


def lacking(plugins: Mapping[str, str]) -> list[str]:
    """Return, in words for people, each of a plan's plugins that cannot be used here."""
    found = []
    for name, wanted in plugins.items():
        family, _, kind = name.partition(".")
        word = f"the {family[:-1]} {kind!r}" + ("" if _is_ours(wanted) else f" of {wanted}")
        try:
            if family not in _FAMILIES:
                found.append(f"{word}: this Krawall knows no {family}")
            else:
                registry.origin(_FAMILIES[family], kind)
        except KrawallError as error:
            found.append(f"{word}: {error.message}")
    return found


def differing(plugins: Mapping[str, str]) -> list[str]:
    """Return, in words, each plugin of another package that is here in another version than the plan was made with."""
    found = []
    for name, wanted in plugins.items():
        family, _, kind = name.partition(".")
        if _is_ours(wanted) or family not in _FAMILIES or kind not in registry.kinds(_FAMILIES[family]):
            continue
        here = _shown(_origin(name))
        if here != wanted:
            found.append(f"the {family[:-1]} {kind!r} was of {wanted}, here it is of {here}")
    return found


def _origin(name: str) -> registry.Source:
    family, _, kind = name.partition(".")
    return registry.origin(_FAMILIES[family], kind)


def _shown(source: registry.Source) -> str:
    return source.version if source.package == registry.OURS else str(source)


def _is_ours(shown: str) -> bool:
    return " " not in shown
