"""The inspector: the form of one step, and what it posts as the fields of the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import htpy as h

from krawall.model.spread import parse_spread
from krawall.services.draft import Draft, Node
from krawall.services.drafts import Problem
from krawall.services.scope import names_at
from krawall.web import ui
from krawall.web.pages.builder_fields import Sheet, had, live_form, whole
from krawall.web.pages.builder_kinds import about, has_branches, lane_about, lane_title
from krawall.web.pages.builder_names import operators, picker
from krawall.web.pages.builder_shapes import MISSING, Line, Record
from krawall.web.pages.builder_step_shapes import shape_of
from krawall.web.pages.builder_view import View

DELAYS = ("1s", "500ms", "1s..4s", "normal(3s, 1s)", "exp(2s)", "lognormal(2s, 0.5)")


def inspector(view: View, node: Node) -> h.Element:
    """Return the form of a step: a field for each of its fields, what is wrong beside the field that it is about."""
    shape = shape_of(node.kind)
    weights = [each for each in view.wrong(node.id) if each.field.endswith(".weight")]
    sheet = Sheet(shape, node.fields, [each for each in view.wrong(node.id) if each not in weights])
    return h.div(".fields")[
        h.p(".muted")[about(node.kind)],
        picker(names_at(view.editing.draft, node.id)) if view.may_edit and _has_texts(node.kind) else None,
        live_form(
            view, "set", "step-fields",
            h.input(type="hidden", name="step", value=node.id),
            whole(sheet),
            _delays(node) if node.kind == "delay" else None,
        ),
        _weights(view, node, weights) if has_branches(node.kind) else None,
        operators() if node.kind in ("conditional", "loop") else None,
    ]  # fmt: skip


def _has_texts(kind: str) -> bool:
    shape = shape_of(kind)
    texts = any(isinstance(part.shape, Line) and part.shape.names for part in shape.parts)
    return texts or kind in ("expect", "set", "loop")


def _delays(node: Node) -> h.Node:
    return [
        h.datalist(id="delays")[[h.option(value=each) for each in DELAYS]],
        h.p(".help", id="delay-means")[means(node.fields.get("time"))],
    ]


def means(time: object) -> str:
    """Return what a waiting time means in words; "" when it cannot be read."""
    try:
        spread = parse_spread(time)
    except ValueError:
        return ""
    mean = f"{spread.mean() / 1e9:.3g} s on average"
    words = {
        "fixed": "Always the same.",
        "uniform": f"Anything between, equally likely: {mean}.",
        "normal": f"Mean and standard deviation: {mean}, never below 0.",
        "exp": f"Mostly short, now and then long: {mean}.",
        "lognormal": f"Median and sigma, as people type: {mean}.",
    }
    return words[spread.shape]


def _weights(view: View, node: Node, wrong: Sequence[Problem]) -> h.Element:
    """Return a form of one field for each branch."""
    return h.div(".stack")[
        [
            live_form(
                view, "lane-set", f"lane-fields-{at}",
                h.input(type="hidden", name="lane", value=lane.id),
                h.input(type="hidden", name="field", value="weight"),
                ui.field(
                    f"Weight of {lane_title(node, lane).lower()}", "value", str((lane.item or {}).get("weight", 1)),
                    kind="number", help=lane_about(node, lane).partition(", ")[2], id=f"i-weight-{at}", quiet=True,
                    error="; ".join(each.message for each in wrong if each.field.endswith(f".{at}.weight")),
                ),
            )
            for at, lane in enumerate(node.lanes)
        ]
    ]  # fmt: skip


# what is posted ------------------------------------------------------------------------------------------


def step_fields(kind: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form says of a step: field -> value, None for a field that is to be taken away.

    Fields that the form did not ask for are not in it. What was typed wrongly is there as it was typed.

    Raises:
        KeyError: there is no such kind.
    """
    return fields_of(shape_of(kind), form)


def fields_of(shape: Record, form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form of a shape says, None for what is to be taken away."""
    read = shape.read(form, "")
    said = {} if read is MISSING else dict(read)
    asked = [part.key for part in shape.asked(form, "") if _in(form, part.key)]
    if shape.one_of is not None and "what" in form:
        # What a way that was left asked for goes with it.
        asked += [way.key for way in shape.one_of.ways] + [part.key for part in shape.parts if part.of]
    return {**dict.fromkeys([*asked, *had(form)]), **said}


def _in(form: Mapping[str, str], name: str) -> bool:
    return name in form or form.get("add") == name or any(key.startswith(f"{name}.") for key in form)


def with_step(draft: Draft, form: Mapping[str, str]) -> Draft:
    """Return a draft in which the step that a form names has the fields that it says.

    Raises:
        NotFound: there is no such step any more.
    """
    node = draft.node(form.get("step", ""))
    for field, value in step_fields(node.kind, form).items():
        draft = draft.set(node.id, field, value)
    return draft


def texts_of(kind: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts that the form of a step shows."""
    return Sheet(shape_of(kind), dict(fields), ()).texts
