"""Which plugins a plan needs, and which of them are not here."""

from __future__ import annotations

from collections.abc import Mapping

from krawall.model.scenario import Scenario
from krawall.model.step import walk
from krawall.model.target import Target
from krawall.plugins.hooking import hooks_of
from krawall.plugins.missing import differing, missing, shown
from krawall.plugins.sinking import sinks_of

__all__ = ["differing", "lacking", "plugins_of"]


def plugins_of(scenario: Scenario, target: Target) -> dict[str, str]:
    """Return `FAMILY.KIND` -> version of what a scenario and its resolved target use; of others with their package's name."""
    found = {f"steps.{step.kind}" for _, step in walk(scenario.steps)}
    found.add(f"connectors.{target.connector or 'http'}")
    found |= {f"hooks.{hook.kind}" for hook in hooks_of(target)}
    found |= {f"sinks.{sink.kind}" for sink in sinks_of(scenario)}
    return {name: shown(name) for name in sorted(found)}


def lacking(plugins: Mapping[str, str]) -> list[str]:
    """Return, in words for people, each of a plan's plugins that cannot be used here."""
    return list(missing(plugins).values())
