"""What pages call the kinds of steps and their lanes, and a step in one line. Pure."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from krawall.plugins.assemble import step_classes
from krawall.services.draft import ROOT, Draft, Lane, Node
from krawall.services.lanes import lane_fields
from krawall.web.ui.icons import Icon

_OURS: dict[str, tuple[str, Icon]] = {
    "message": ("Message", "message-square"),
    "delay": ("Delay", "timer"),
    "loop": ("Loop", "repeat"),
    "conditional": ("Conditional", "git-branch"),
    "expect": ("Check", "list-checks"),
    "set": ("Set values", "sliders-horizontal"),
    "choose": ("Choice", "shuffle"),
    "end": ("End", "square"),
}
_LANES = {("loop", "steps"): "Repeat", ("conditional", "then"): "Then", ("conditional", "else"): "Otherwise"}
_ABOUT = {"conditional": "Play one lane or the other, by what an expression says."}
LONGEST = 600
"""Characters of a step's line at most."""


def kinds() -> list[str]:
    """Return every kind of step: ours in the order in which they are mostly needed, then those of plugins by name."""
    known = step_classes()
    return [*(kind for kind in _OURS if kind in known), *(kind for kind in known if kind not in _OURS)]


def title_of(kind: str) -> str:
    """Return what a kind is called."""
    return _OURS[kind][0] if kind in _OURS else kind.replace("_", " ").replace("-", " ").capitalize()


def symbol_of(kind: str) -> Icon:
    """Return the symbol of a kind."""
    return _OURS[kind][1] if kind in _OURS else "plug"


@functools.cache
def about(kind: str) -> str:
    """Return what a kind does: the first sentence of its class."""
    if kind in _ABOUT:
        return _ABOUT[kind]
    text = " ".join((inspect.getdoc(step_classes()[kind]) or "").replace("`", "").split())
    first = text.partition(". ")[0].partition("; ")[0].rstrip(".")
    return f"{first}." if first else ""


def lane_title(node: Node, lane: Lane) -> str:
    """Return what a lane of a step is called, such as `Repeat` or `Branch 2`."""
    if lane.item is not None:
        return f"Branch {node.lanes.index(lane) + 1}"
    return _LANES.get((node.kind, lane.field), lane.field.replace("_", " ").capitalize())


def lane_about(node: Node, lane: Lane) -> str:
    """Return what else is to be said of a lane: how likely a branch is."""
    if lane.item is None:
        return ""
    weights = [_number((each.item or {}).get("weight", 1)) for each in node.lanes]
    own, total = _number(lane.item.get("weight", 1)), sum(weights)
    share = f", {100 * own / total:.0f} %" if total > 0 and own >= 0 else ""
    return f"weight {lane.item.get('weight', 1)}{share}"


def where(draft: Draft, step: str) -> str:
    """Return the place of a step in words, such as `Repeat, position 2 of 3`. Raises NotFound."""
    lane, index = _home(draft, step)
    spot = f"position {index + 1} of {len(lane.steps)}"
    if lane.id == ROOT:
        return spot
    return f"{lane_title(draft.node(lane.id.partition('/')[0]), lane)}, {spot}"


def _home(draft: Draft, step: str) -> tuple[Lane, int]:
    draft.node(step)
    return next((lane, index) for node, lane, index, _ in draft.walk() if node.id == step)


def has_branches(kind: str) -> bool:
    """Whether steps of a kind have a list of lanes that can grow."""
    return any(form.inner for form in lane_fields(step_classes()[kind]))


# a step in one line ---------------------------------------------------------------------------------------


def line_of(node: Node) -> str:
    """Return what a step says or does, in one line. Fields may hold anything: a draft may be wrong."""
    make = _LINES.get(node.kind, _any)
    return " ".join(make(node.fields).split())[:LONGEST]


def _any(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in fields.items())


def _message(fields: Mapping[str, Any]) -> str:
    return str(fields.get("text") or "")


def _delay(fields: Mapping[str, Any]) -> str:
    return _short(fields.get("time", ""))


def _loop(fields: Mapping[str, Any]) -> str:
    if (times := fields.get("times")) is not None:
        return f"{times} time" if times in (1, "1") else f"{times} times"
    most = f", at most {fields['most']} times" if "most" in fields else ""
    if (condition := fields.get("while")) is not None:
        return f"while {condition}{most}"
    over = fields.get("over")
    return f"for each of {_short(over)}{most}" if over is not None else ""


def _conditional(fields: Mapping[str, Any]) -> str:
    return f"if {fields.get('condition') or ''}"


def _expect(fields: Mapping[str, Any]) -> str:
    return checks_of(fields.get("checks"))


def checks_of(checks: object) -> str:
    """Return expectations in a line, such as `length >= 1, contains Berlin`."""
    if not isinstance(checks, list):
        return _short(checks)
    return ", ".join(_check(check) if isinstance(check, Mapping) else _short(check) for check in checks)


def _check(check: Mapping[str, Any]) -> str:
    must = " (must hold)" if check.get("hard") is True else ""
    return _any({name: value for name, value in check.items() if name != "hard" or not must}) + must


def _set(fields: Mapping[str, Any]) -> str:
    values = fields.get("values")
    if not isinstance(values, Mapping):
        return _short(values)
    return ", ".join(f"{name} = {_taken(take)}" for name, take in values.items())


def _taken(take: object) -> str:
    if not isinstance(take, Mapping):
        return _short(take)
    words = {"json": "JSON ", "regex": "match of ", "value": "", "text": "text "}
    return next((f"{words[way]}{_short(take[way])}" for way in words if way in take), _short(take))


def _choose(fields: Mapping[str, Any]) -> str:
    return "one branch, drawn by weight"


def _end(fields: Mapping[str, Any]) -> str:
    because = fields.get("because")
    return "leaves the loop" if because == "loop" else str(because or "")


_LINES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "message": _message, "delay": _delay, "loop": _loop, "conditional": _conditional, "expect": _expect, "set": _set,
    "choose": _choose, "end": _end,
}  # fmt: skip


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    return str(value)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0
