"""The sinks that a scenario names, as settings."""

from __future__ import annotations

from krawall.errors import DocumentError, Place
from krawall.model.scenario import Scenario
from krawall.model.sink import SinkKind
from krawall.plugins.hooking import made_of


def sinks_of(scenario: Scenario) -> list[SinkKind]:
    """Return a scenario's sinks.

    Raises:
        DocumentError: one is no sink, or its settings are wrong; places such as `sinks.0.KIND.file`.
    """
    errors: list[Place] = []
    found = [made_of("sinks", written, f"sinks.{index}", errors) for index, written in enumerate(scenario.sinks)]
    if errors:
        raise DocumentError("scenario", errors)
    return [sink for sink in found if isinstance(sink, SinkKind)]
