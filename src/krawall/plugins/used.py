"""Which plugins a plan needs."""

from __future__ import annotations

from krawall.model.scenario import Scenario
from krawall.model.step import walk
from krawall.model.target import Target
from krawall.plugins.hooking import hooks_of
from krawall.plugins.missing import shown
from krawall.plugins.sinking import sinks_of


def plugins_of(scenario: Scenario, target: Target) -> dict[str, str]:
    """Return `FAMILY.KIND` -> version of what a scenario and its resolved target use; of others with their package's name."""
    found = {f"steps.{step.kind}" for _, step in walk(scenario.steps)}
    found.add(f"connectors.{target.connector or 'http'}")
    found |= {f"hooks.{hook.kind}" for hook in hooks_of(target)}
    found |= {f"sinks.{sink.kind}" for sink in sinks_of(scenario)}
    return {name: shown(name) for name in sorted(found)}
