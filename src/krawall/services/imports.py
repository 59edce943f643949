"""Reads the scenario files of the product that came before: says every change, refuses what it cannot keep.

Two shapes of steps occur and may be mixed: nested (`{id, type, config: {...}, next}`) and flat (`{type, content, ...}`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from krawall.conversation.template import ORIGINAL_NAMES, Texts
from krawall.errors import DocumentError, Place, PluginError
from krawall.model.scenario import RESERVED, Category, Scenario
from krawall.plugins.assemble import scenario_from
from krawall.plugins.registry import nearest
from krawall.services.original_fields import Fields, Path, shown
from krawall.services.original_steps import Flow, Steps, with_delays
from krawall.wire.yaml import read

_TOP = (
    *("name", "description", "category", "flowConfig", "repetitions", "concurrency", "delayBetweenMs"),
    *("messageTemplates", "verbosityLevel", "errorHandling"),
)
_CATEGORIES = {
    "STRESS_TEST": Category.stress,
    "EDGE_CASE": Category.edge_case,
    "CONTEXT": Category.context,
    "PERFORMANCE": Category.performance,
    "LOGIC": Category.logic,
    "KRAWALL": Category.cost,
    "ATTACK_SURFACE": Category.attack_surface,
}
_SUFFIXES = {
    "minimal": "",
    "basic": "",
    "normal": "",
    "verbose": " Please answer in detail and give examples.",
    "extreme": " Please make your answer as long as you possibly can.",
}
_RETRY = {"maxRetries": 3, "delayMs": 1000, "backoffMultiplier": 1.5, "maxDelayMs": 30_000}
_COUNTERS = ("messageIndex", "repetitionIndex", "index")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PLAIN_TAG = re.compile(r"\{\{\{?~?\s*([A-Za-z_]\w*)\s*~?\}?\}\}")


@dataclass(frozen=True)
class Imported:
    """A scenario from an original file, and a sentence for each thing that is different now."""

    scenario: Scenario
    changes: list[str]


def is_original(data: object) -> bool:
    """Tell whether a document is one of the original's scenarios rather than one of ours."""
    return isinstance(data, Mapping) and "flowConfig" in data


def import_original(text: str, name: str) -> Imported:
    """Return the scenario that an original file (YAML or JSON) writes. `name` is the file's, for messages.

    Raises:
        DocumentError: for all that is unknown or cannot be kept: every place, its line and the nearest known word.
    """
    source = read(text, name)
    if not isinstance(source.data, dict) or not is_original(source.data):
        raise DocumentError(name, [Place("flowConfig", "is missing; this is no scenario of the original", 1)])
    fields = Fields(source)
    data = _scenario(source.data, fields)
    if fields.wrong:
        raise DocumentError(name, sorted(fields.wrong, key=lambda place: place.line or 0))
    return Imported(scenario_from(data, name), fields.changes)


def _scenario(data: dict[Any, Any], fields: Fields) -> dict[str, Any]:
    """Return the data of our scenario; it holds only when nothing is `wrong`."""
    given = fields.known(data, _TOP, ())
    fields.changes.append("The texts stay in the Handlebars language; conditions are expressions of Krawall's own.")
    out: dict[str, Any] = {"name": fields.text(given, "name", ())}
    if "description" in given:
        out["description"] = fields.text(given, "description", ())
    if "category" in given:
        out["category"] = _category(fields.text(given, "category", ()), fields)
    out["language"] = "handlebars"
    variables = _variables(given.get("messageTemplates", {}), fields)
    flow = Flow(fields, set(variables), _suffix(given, fields))
    steps = flow.steps(given, "flowConfig", ())
    if not given.get("flowConfig"):
        fields.refuse(("flowConfig",), "has no steps; a scenario needs at least one")
    _check_texts(flow, variables, fields)
    steps = _paced(given, _repeated(given, steps, flow, variables, fields), fields)
    out |= {"vars": variables, "steps": steps} if variables else {"steps": steps}
    if policy := _on_error(given, fields):
        out["on_error"] = policy
    users = fields.whole(given, "concurrency", (), 1, 100_000)
    out["load"] = {"users": users, "conversations": users}
    fields.changes.append(f"`concurrency` is a load of {users} virtual users who play one conversation each.")
    _say_what_is_left_out(data, fields)
    return out


def _category(said: str, fields: Fields) -> str:
    found = _CATEGORIES.get(said.strip().upper().replace(" ", "_").replace("-", "_"), Category.other)
    fields.changes.append(f"The category {said!r} is {found.value!r} here.")
    return found.value


def _variables(found: object, fields: Fields) -> dict[str, Any]:
    at: Path = ("messageTemplates",)
    variables: dict[str, Any] = {}
    if not isinstance(found, dict):
        fields.refuse(at, "must be a mapping of names to texts")
        return {}
    for key, value in found.items():
        name = str(key)
        if not _VARIABLE.fullmatch(name):
            fields.refuse((*at, key), f"{name!r} cannot be a variable's name: letters, digits and _ only")
        elif name in RESERVED or name in ORIGINAL_NAMES:
            fields.refuse((*at, key), f"{name!r} already has a meaning in texts; choose another name")
        elif not isinstance(value, str):
            fields.refuse((*at, key), f"must be a text, not {value!r}")
        else:
            variables[name] = value
            if "{{" in value:
                fields.changes.append(f"`messageTemplates.{name}` is put in as it stands: tags in it are not filled.")
    if variables:
        fields.changes.append(f"`messageTemplates` are the variables {', '.join(variables)}.")
    return variables


def _suffix(given: dict[str, Any], fields: Fields) -> str:
    if "verbosityLevel" not in given:
        return ""
    level = fields.text(given, "verbosityLevel", ())
    if level not in _SUFFIXES:
        fields.refuse(("verbosityLevel",), f"unknown level {level!r}{nearest(level, _SUFFIXES)}")
        return ""
    suffix = _SUFFIXES[level]
    what = (
        f"puts {suffix.strip()!r} at the end of each message" if suffix else "adds nothing; only verbose and extreme do"
    )
    fields.changes.append(f"`verbosityLevel: {level}` {what}.")
    return suffix


def _check_texts(flow: Flow, variables: dict[str, Any], fields: Fields) -> None:
    """Refuse texts that will not compile; say what the counters mean and which names nobody knows."""
    known = {*variables, *ORIGINAL_NAMES}
    try:
        texts: Texts | None = Texts("handlebars")
    except PluginError:
        texts = None
        fields.changes.append("The texts were not checked: that needs the extra `handlebars`, as playing them does.")
    for at, text, looped in flow.texts:
        for place in texts.add("", text, False, tuple(variables)) if texts else ():
            fields.refuse(at, place.message)
        if not re.search(r"\{\{~?#(each|with)\b", text):
            for name in sorted({*_PLAIN_TAG.findall(text)} - known - {"else", "this"}):
                fields.changes.append(f"{shown(at)}: nothing is called `{name}`; it stays empty.")
        if _uses(text, "index") and not looped:
            fields.changes.append(
                f"{shown(at)}: `index` is used outside a loop: there it is 0, or the pass when the flow repeats."
            )
    for name in _COUNTERS:
        if any(_uses(text, name) for _, text, _ in flow.texts):
            fields.changes.append(f"`{name}` counts from 0: {ORIGINAL_NAMES[name].partition(':')[0]}.")


def _uses(text: str, name: str) -> bool:
    return any(re.search(rf"(?<![\w@.]){name}\b", tag) for tag in _TAG.findall(text))


def _repeated(given: dict[str, Any], steps: Steps, flow: Flow, variables: dict[str, Any], fields: Fields) -> Steps:
    times = fields.whole(given, "repetitions", (), 1, 100_000)
    if any(_uses(text, "repetitionIndex") for _, text, _ in flow.texts):
        # A variable of that name goes first. Without it the outermost loop counts, which may be one of the flow's own.
        variables["repetitionIndex"] = 0
        if times > 1:
            steps = [{"set": {"repetitionIndex": {"value": "loop.index - 1"}}}, *steps]
    if times == 1:
        return steps
    fields.changes.append(
        f"`repetitions: {times}` is an outer loop: one conversation plays all passes, its history goes on."
    )
    return [{"loop": times, "steps": steps}]


def _paced(given: dict[str, Any], steps: Steps, fields: Fields) -> Steps:
    pause = fields.duration(given, "delayBetweenMs", ())
    if pause == "0s":
        return steps
    fields.changes.append(
        f"`delayBetweenMs` is a delay of {pause} after each message but the last of the flow; in a loop, after each pass."
    )
    return with_delays(steps, pause, False)


def _on_error(given: dict[str, Any], fields: Fields) -> dict[str, Any]:
    at: Path = ("errorHandling",)
    handling = fields.known(given.get("errorHandling"), ("onError", "retryConfig", "statusCodeRules"), at)
    shared = _retries(handling.get("retryConfig"), (*at, "retryConfig"), fields)
    rules, uses_shared = [], False
    for index, rule in enumerate(fields.items(handling, "statusCodeRules", at)):
        where = (*at, "statusCodeRules", index)
        own = fields.known(rule, ("codes", "action", "retryConfig"), where)
        retries = _retries(own["retryConfig"], (*where, "retryConfig"), fields) if "retryConfig" in own else shared
        action = fields.action(own, "action", where)
        if "retryConfig" in own and action != "retry":
            fields.changes.append(f"{shown(where)}: `retryConfig` is left out, as the action is {action}.")
        uses_shared |= action == "retry" and "retryConfig" not in own
        rules.append({"status": _codes(own, where, fields), **_answer(action, retries, where, fields)})
    default = fields.action(handling, "onError", at) if "onError" in handling else ""
    if "retryConfig" in handling and not uses_shared and default != "retry":
        fields.changes.append("errorHandling: `retryConfig` is left out, as nothing uses it.")
    out: dict[str, Any] = {}
    answer = _answer(default, shared, at, fields)
    if answer["do"] == "retry":  # a rule without conditions, because `default` has no room for the waits
        rules.append(answer)
    elif default:
        out["default"] = answer["do"]
    return {**out, "rules": rules} if rules else out


def _retries(given: object, at: Path, fields: Fields) -> dict[str, Any]:
    config = {**_RETRY, **fields.known(given, _RETRY, at)}
    return {
        "max": fields.whole(config, "maxRetries", at, 0, 100),
        "wait": fields.duration(config, "delayMs", at),
        "factor": fields.number(config, "backoffMultiplier", at, 1),
        "cap": fields.duration(config, "maxDelayMs", at),
    }


def _answer(action: str, retries: dict[str, Any], at: Path, fields: Fields) -> dict[str, Any]:
    """Return what a rule does."""
    if action != "retry":
        return {"do": action}
    if retries["max"] == 0:
        fields.changes.append(f"{shown(at)}: no retries, so the message is skipped at once.")
        return {"do": "skip"}
    fields.changes.append(
        f"{shown(at)}: up to {retries['max']} retries, the first after {retries['wait']}, each further wait "
        f"{retries['factor']:g} times the one before, none above {retries['cap']}; then the message is skipped. "
        "A chatbot's Retry-After is obeyed."
    )
    return {"do": "retry", **retries, "jitter": 0}


def _codes(own: dict[str, Any], at: Path, fields: Fields) -> list[Any]:
    codes = fields.items(own, "codes", at)
    if not codes:
        fields.refuse((*at, "codes"), "needs at least one status code")
    for index, code in enumerate(codes):
        if type(code) is not int or not 100 <= code <= 599:
            fields.refuse((*at, "codes", index), f"{code!r} is no status code of 100 to 599")
    return codes


def _say_what_is_left_out(data: dict[Any, Any], fields: Fields) -> None:
    left = sorted({"id", "next"} & _step_keys(data.get("flowConfig")))
    if left:
        names = " and ".join(f"`{name}`" for name in left)
        fields.changes.append(f"{names} of the steps: left out; steps play in the order of the list.")
    fields.changes.append(
        "The file names no chatbot and no caps: give --preset and --url or write a `target`; the default `budget` holds."
    )


def _step_keys(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_step_keys, value))
    if isinstance(value, dict):
        return set(map(str, value)).union(*map(_step_keys, value.values()))
    return set()
