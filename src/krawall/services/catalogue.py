"""The scenario templates that come with an installation."""

from __future__ import annotations

import functools
import math

import msgspec

from krawall.model.scenario import Scenario
from krawall.model.step import count_messages
from krawall.plugins import registry
from krawall.plugins.assemble import read_scenario


class TemplateInfo(msgspec.Struct, frozen=True):
    """One template. `messages` is the expected number in one conversation: an int when it is always the same, else the mean
    over the branches; `most` is the upper bound, None when there is none."""

    name: str
    title: str
    category: str
    description: str
    reading: str
    messages: int | float
    most: int | None


def templates() -> list[TemplateInfo]:
    """Return every template, by name."""
    return [info(name) for name in registry.names("templates")]


def template(name: str) -> Scenario:
    """Return the scenario of a template. It has no target: that comes from the command line or the server.

    Raises:
        NotFound: there is none of that name; names the nearest.
    """
    return read_scenario(registry.data_text("templates", name), f"template {name}")


def info(name: str) -> TemplateInfo:
    """Return what a template is for. Raises NotFound."""
    return _info(name, registry.data_text("templates", name))


@functools.lru_cache(maxsize=200)
def _info(name: str, text: str) -> TemplateInfo:
    """Return what is for each text counted once: reading YAML takes longer than a page that lists all of them may."""
    scenario = read_scenario(text, f"template {name}")
    expected, most = count_messages(scenario.steps)
    return TemplateInfo(
        name=name,
        title=scenario.name,
        category=scenario.category.value,
        description=scenario.description,
        reading=scenario.reading,
        messages=int(expected) if expected == most else float(expected),
        most=None if math.isinf(most) else int(most),
    )
