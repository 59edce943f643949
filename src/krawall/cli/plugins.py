"""`krawall plugins`: what documents can use on this machine."""

from __future__ import annotations

import sys
from typing import Any

from krawall.cli.listing import print_facts, print_list
from krawall.cli.output import print_json
from krawall.model.base import format_duration
from krawall.services import plugins as catalogue

PROBLEMS = 2
"""Exit code of a check that found something."""


def list_(*, family: catalogue.Kinds | None = None, json: bool = False) -> None:
    """List every kind of step, connector, hook, scorer and sink, and every preset; and what does not load.

    Parameters
    ----------
    family
        Only this one.
    json
        Print a JSON list: family, kind, about, source, version, error.
    """
    found = [each for each in catalogue.plugins() if family in (None, each.family)]
    if json:
        print_json(found)
        return
    rows = [(each.family, each.kind, each.source, each.version, each.error or each.about) for each in found]
    print_list(("family", "kind", "from", "version", "what it does"), rows, empty=f"there are no {family} yet")


def show(kind: str, /, *, family: catalogue.Kinds | None = None, json: bool = False) -> None:
    """Explain a kind: what it does, who brings it, its settings.

    Parameters
    ----------
    kind
        The word in documents.
    family
        For a word that several families have.
    json
        Print one JSON object, with the JSON Schema of the settings.
    """
    found = catalogue.explain(kind, family or "")
    if json:
        print_json(found)
        return
    info = found.info
    source = info.source if info.source == catalogue.BUILT_IN else f"{info.source} {info.version}"
    print_facts([("kind", info.kind), ("family", info.family), ("from", source), ("where", found.where)])
    sys.stdout.write(f"\n{found.text}\n\n")
    needed = found.settings.get("required", [])
    rows = [
        (name, _type(setting), "needed" if name in needed else _default(setting), setting.get("description", ""))
        for name, setting in found.settings.get("properties", {}).items()
    ]
    print_list(("setting", "type", "default", "+meaning"), rows, empty="it has no settings")
    if found.example:
        sys.stdout.write(f"\n{found.example}")


def check(name: str = "", /, *, json: bool = False) -> int:
    """Look whether plugins are fit for use: they load, fit this version, describe their settings; scorers score, presets read.

    Parameters
    ----------
    name
        A kind or a package; without it everything is looked at.
    json
        Print one JSON object: checked, findings.
    """
    count, findings = catalogue.check(name)
    if json:
        print_json({"checked": count, "findings": findings})
    else:
        for each in findings:
            sys.stdout.write(f"{each.family[:-1]} {each.kind} ({each.source}): {each.words}\n")
        sys.stdout.write(f"{count} looked at, {len(findings)} problem{'s' if len(findings) != 1 else ''}\n")
    return PROBLEMS if findings else 0


def _type(setting: dict[str, Any]) -> str:
    if "enum" in setting:
        return " | ".join(str(each) for each in setting["enum"])
    if "anyOf" in setting:
        return " | ".join(_type(each) for each in setting["anyOf"] if each.get("type") != "null")
    if _is_duration(setting):
        return "duration"
    if isinstance(setting.get("type"), list):
        return " | ".join(setting["type"])
    return str(setting.get("type") or str(setting.get("$ref", "any")).rpartition("/")[2])


def _default(setting: dict[str, Any]) -> str:
    value = setting.get("default")
    if _is_duration(setting) and isinstance(value, int):
        return format_duration(value)
    return "" if value is None else str(value)


def _is_duration(setting: dict[str, Any]) -> bool:
    return setting.get("type") == ["string", "integer"]
