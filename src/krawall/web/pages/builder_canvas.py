"""The flow tab: the kit of steps, the canvas with its cards, the inspector beside them.

A step's card and its lanes are one list item with a stable id, so that an answer moves it instead of making it anew.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import htpy as h
from markupsafe import Markup

from krawall.services.draft import ROOT, Lane, Node
from krawall.web import ui
from krawall.web.pages.builder_kinds import (
    about,
    has_branches,
    kinds,
    lane_about,
    lane_title,
    line_of,
    symbol_of,
    title_of,
)
from krawall.web.pages.builder_steps import inspector
from krawall.web.pages.builder_view import View, action, place
from krawall.web.ui.icons import Icon

_WAYS: tuple[tuple[str, str, str, Icon, str], ...] = (
    ("nudge", "up", "Move up", "arrow-up", "Alt+ArrowUp"),
    ("nudge", "down", "Move down", "arrow-down", "Alt+ArrowDown"),
    ("nudge", "in", "Move into the container above", "arrow-right", "Alt+ArrowRight"),
    ("nudge", "out", "Move out", "arrow-left", "Alt+ArrowLeft"),
    ("duplicate", "", "Duplicate", "copy", "Control+D"),
    ("remove", "", "Delete step", "trash-2", "Delete"),
)


@dataclass(frozen=True)
class _Marks:
    """What is wrong in a draft: step -> how many things; steps around one that is wrong."""

    wrong: Mapping[str, int]
    around: frozenset[str]


def flow(view: View) -> h.Element:
    """Return the flow tab."""
    draft = view.editing.draft
    wrong = Counter(problem.step for problem in view.problems if problem.step)
    around = {parent.id for step in wrong for parent in draft.parents(step)}
    marks = _Marks(wrong, frozenset(around))
    return h.div(class_="flow" if view.may_edit else "flow fixed")[
        _kit(view) if view.may_edit else None,
        h.section(".canvas", id="canvas", aria_label="Steps of the conversation")[_lane(view, draft.root, marks)],
        aside(view),
        _deeds(view) if view.may_edit else None,
    ]


def _kit(view: View) -> h.Element:
    """Return every kind of step. A click adds one after the step that is selected; a drag, where it is dropped."""
    add = action(view, "add")
    return h.details(".kit", id="kit", open=True)[
        h.summary[ui.icon("plus"), h.span["Add a step"]],
        ui.form(
            add,
            h.input(type="hidden", name="after", value=view.selected),
            [
                h.button(
                    {
                        "name": "kind", "value": kind, "formaction": add, "hx-post": add, "draggable": "true", "data-kit": kind,
                        "data-tip": about(kind), "type": "submit", "id": f"kit-{kind}", "aria-describedby": f"kit-{kind}-about",
                    }
                )[chip(kind), h.span[title_of(kind)], h.span(".sr", id=f"kit-{kind}-about")[about(kind)]]
                for kind in kinds()
            ],
            partial=False,
        ),
    ]  # fmt: skip


def chip(kind: str) -> h.Element:
    """Return the symbol of a kind on its tint."""
    return h.span(class_=f"chip k-{kind}")[ui.icon(symbol_of(kind))]


def _lane(view: View, lane: Lane, marks: _Marks) -> h.Element:
    return h.ol(".lane", {"data-lane": lane.id, "aria-label": "Conversation" if lane.id == ROOT else None})[
        [_step(view, node, marks) for node in lane.steps]
    ]


def _step(view: View, node: Node, marks: _Marks) -> h.Element:
    wrong = marks.wrong.get(node.id, 0)
    state = "wrong" if wrong else "around" if node.id in marks.around else None
    checks = node.fields.get("expect") if node.kind == "message" else None
    card = _card(
        place(view, step=node.id), node.kind, line_of(node), len(checks) if isinstance(checks, list) else 0, wrong,
        current=node.id == view.selected, may_edit=view.may_edit,
    )  # fmt: skip
    return h.li(".step", id=f"step-{node.id}", data_step=node.id, data_state=state)[
        card, [_inside(view, node, lane, marks) for lane in node.lanes], _more_branches(view, node)
    ]


@functools.lru_cache(maxsize=4096)
def _card(href: str, kind: str, line: str, checks: int, wrong: int, *, current: bool, may_edit: bool) -> Markup:
    """Return a step's card as HTML. An edit changes few of them; the others need not be made anew."""
    return Markup(
        h.div({"class": "card", "draggable": "true" if may_edit else None})[
            h.span(".grip", aria_hidden="true")[ui.icon("grip-vertical")] if may_edit else None,
            h.a(".pick", href=href, draggable="false", aria_current="true" if current else None)[
                chip(kind), h.b[title_of(kind)], h.span(".line")[line]
            ],
            _checks(checks),
            _wrong(wrong),
        ]
    )  # made by htpy, which has escaped what is in it


def _checks(count: int) -> h.Node:
    if not count:
        return None
    return h.span(".badge.plain")[
        ui.icon("list-checks", size=12), str(count), h.span(".sr")[" checks" if count > 1 else " check"]
    ]


def _wrong(count: int) -> h.Node:
    if not count:
        return None
    return h.span(".badge.bad")[ui.icon("circle-alert", size=12), f"{count} problem{'s' if count > 1 else ''}"]


def _inside(view: View, node: Node, lane: Lane, marks: _Marks) -> h.Element:
    """Return a lane inside a step. It can be folded; the browser remembers which are."""
    title, wrong = lane_title(node, lane), any(_state(each, marks) for each in lane.steps)
    return h.details(class_=f"inside k-{node.kind}", id=f"lane-{lane.id.replace('/', '-')}", open=True)[
        _summary(title, lane_about(node, lane), len(lane.steps), wrong=wrong),
        _lane(view, lane, marks),
        _less_branches(view, node, lane, title),
    ]


@functools.lru_cache(maxsize=1024)
def _summary(title: str, more: str, count: int, *, wrong: bool) -> Markup:
    return Markup(
        h.summary[
            ui.icon("chevron-right", size=14),
            h.b[title],
            more and h.span(".muted")[more],
            h.span(".count")[f"{count} step{'s' if count != 1 else ''}"],
            wrong
            and h.span(".badge.bad")[ui.icon("circle-alert", size=12), h.span(".sr")["Something is wrong in here"]],
        ]
    )  # made by htpy, which has escaped what is in it


def _state(node: Node, marks: _Marks) -> bool:
    return node.id in marks.wrong or node.id in marks.around


def _more_branches(view: View, node: Node) -> h.Node:
    if not view.may_edit or not has_branches(node.kind):
        return None
    return _small(view, "lane-add", "step", node.id, "Add branch", "plus")


def _less_branches(view: View, node: Node, lane: Lane, title: str) -> h.Node:
    if not view.may_edit or lane.item is None or len(node.lanes) < 2:
        return None
    return _small(view, "lane-remove", "lane", lane.id, f"Delete {title.lower()}", "trash-2")


def _small(view: View, deed: str, name: str, value: str, label: str, symbol: Icon) -> h.Element:
    address = action(view, deed)
    more: dict[str, str | bool | None] = {"formaction": address, "hx-post": address}
    return ui.form(
        address,
        h.input(type="hidden", name=name, value=value),
        ui.button(label, symbol=symbol, kind="ghost", small=True, submit=True, more=more),
        partial=False,
        more={"class": "deed"},
    )


# beside the canvas ----------------------------------------------------------------------------------------


def aside(view: View) -> h.Element:
    """Return the inspector: what can be done with the selected step, and its fields."""
    draft = view.editing.draft
    node = next((node for node, _, _, _ in draft.walk() if node.id == view.selected), None)
    if node is None:
        words = "Add a step and select it to say what it does." if view.may_edit else "This scenario has no steps."
        return h.aside(".card.inspector", id="inspector", aria_label="Step")[ui.empty(words, None, "workflow")]
    # On a phone it is a sheet that scrolls; where nothing in it can be focused, keys reach it as a whole.
    scrolls = None if view.may_edit else "0"
    about = {"id": "inspector", "aria-label": f"{title_of(node.kind)} step", "data-for": node.id, "tabindex": scrolls}
    return h.aside(".card.inspector", about)[
        h.header[chip(node.kind), h.h2[title_of(node.kind)], _tools(view, node) if view.may_edit else None],
        h.div(".in")[inspector(view, node)],
    ]


def _tools(view: View, node: Node) -> h.Element:
    return h.div(".tools", role="group", aria_label="This step")[
        [
            ui.form(
                action(view, deed),
                h.input(type="hidden", name="step", value=node.id),
                way and h.input(type="hidden", name="way", value=way),
                ui.button(
                    label, symbol=symbol, bare=True, small=True, kind="ghost", submit=True,
                    more={"hx-post": action(view, deed), "id": f"tool-{way or deed}", "aria-keyshortcuts": keys},
                ),
                partial=False, more={"class": "deed"},
            )
            for deed, way, label, symbol, keys in _WAYS
        ]
    ]  # fmt: skip


def _deeds(view: View) -> h.Element:
    """Return the form that drag and keys fill in and send."""
    names = ("step", "lane", "index", "way", "kind", "after")
    return ui.form(
        action(view, "move"),
        [h.input(type="hidden", name=name, value="") for name in names],
        id="deeds", partial=False, more={"hidden": True, "data-deeds": action(view, ""), "hx-post": action(view, "move")},
    )  # fmt: skip
