"""What an installation has to offer: scenario templates, kinds of steps and connectors, presets; and what does not load."""

from __future__ import annotations

import inspect
import math
from importlib import metadata
from typing import Literal

import msgspec

from krawall.errors import KrawallError
from krawall.model.scenario import Scenario
from krawall.model.step import count_messages
from krawall.plugins import registry
from krawall.plugins.assemble import read_scenario
from krawall.version import __version__
from krawall.wire.yaml import read

FAMILIES: tuple[registry.Family, ...] = ("steps", "connectors")


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
    scenario = template(name)
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


class PluginInfo(msgspec.Struct, frozen=True):
    """One kind of a family. `source`: `built-in`, or the package that brings it; `error`: why it does not load, empty if it does."""

    family: Literal["steps", "connectors", "hooks", "presets"]
    kind: str
    about: str
    source: str
    version: str
    error: str


def plugins() -> list[PluginInfo]:
    """Return every kind of step and connector and every preset, by family and name. Loads what is not loaded yet."""
    found = [_plugin(family, kind, where) for family in FAMILIES for kind, where in registry.kinds(family).items()]
    return found + [_preset(name) for name in registry.names("presets")]


def _plugin(family: registry.Family, kind: str, where: str) -> PluginInfo:
    built_in = where.startswith("krawall.")
    source = "built-in" if built_in else where
    version = __version__ if built_in else _version_of(where)
    try:
        about = inspect.getdoc(registry.load(family, kind)) or ""
    except KrawallError as error:
        return PluginInfo(family, kind, "", source, version, error.message)
    return PluginInfo(family, kind, " ".join(about.partition("\n\n")[0].split()), source, version, "")


def _preset(name: str) -> PluginInfo:
    data = read(registry.data_text("presets", name), name).data
    about = str(data.get("about", "")) if isinstance(data, dict) else ""
    return PluginInfo("presets", name, about, "built-in", __version__, "")


def _version_of(where: str) -> str:
    """Return the version of the distribution that an entry point's module belongs to; empty when nobody says."""
    owners = metadata.packages_distributions().get(where.partition(":")[0].partition(".")[0], [])
    return metadata.version(owners[0]) if owners else ""
