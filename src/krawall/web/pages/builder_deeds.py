"""What the forms and keys of the builder do to a draft: a deed's name and its fields to the next draft, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from krawall.errors import NotFound
from krawall.services.draft import ROOT, Draft, Way
from krawall.web.pages import builder_plain as plain
from krawall.web.pages.builder_kinds import lane_title, title_of, where
from krawall.web.pages.builder_settings import with_head
from krawall.web.pages.builder_steps import with_step

Form = Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """What a deed made of a draft. `said`: for who hears the page; `selected`: the step that it is about, "" for none."""

    draft: Draft
    said: str
    selected: str


def perform(draft: Draft, deed: str, form: Form) -> Done:
    """Return what a deed makes of a draft.

    Raises:
        NotFound: there is no such deed, step, lane or kind.
        Refused: it cannot be done there.
    """
    if deed not in DEEDS:
        raise NotFound(f"nothing is called {deed!r} in the builder")
    return DEEDS[deed][1](draft, form)


def label_of(deed: str, form: Form, draft: Draft) -> str:
    """Return what undo calls a deed."""
    if deed == "add":
        return f"Add {title_of(form.get('kind', '')).lower()}"
    label = DEEDS[deed][0] if deed in DEEDS else deed
    named = [node for node, _, _, _ in draft.walk() if node.id == form.get("step")]
    if not named:
        return label
    place = f" {number_of(draft, named[0].id)}" if deed in TYPED else ""
    return f"{label} {title_of(named[0].kind).lower()}{place}"


def number_of(draft: Draft, step: str) -> str:
    """Return the place of a step as people count, such as `3.1`. Raises NotFound."""
    return ".".join(str(int(part) + 1) for part in draft.path(step).split(".") if part.isdecimal())


def _set(draft: Draft, form: Form) -> Done:
    return Done(with_step(draft, form), "", form.get("step", ""))


def _head(draft: Draft, form: Form) -> Done:
    return Done(with_head(draft, form), "", "")


def _add(draft: Draft, form: Form) -> Done:
    lane, index = _spot(draft, form)
    grown, made = draft.add(form.get("kind", ""), lane, index)
    return Done(grown, f"{title_of(form['kind'])} added: {where(grown, made)}", made)


def _spot(draft: Draft, form: Form) -> tuple[str, int | None]:
    """Return where a new step goes: where the form says, or after a step, or at the end."""
    if lane := form.get("lane"):
        return lane, _index(form)
    for node, home, at, _ in draft.walk():
        if node.id == form.get("after"):
            return home.id, at + 1
    return ROOT, None


def _index(form: Form) -> int | None:
    text = form.get("index", "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _move(draft: Draft, form: Form) -> Done:
    step, lane = form.get("step", ""), form.get("lane", ROOT)
    index = _index(form)
    moved = draft.move(step, lane, len(draft.lane(lane).steps) if index is None else index)
    return Done(moved, _moved(draft, moved, step), step)


def _nudge(draft: Draft, form: Form) -> Done:
    step, way = form.get("step", ""), form.get("way", "")
    if way not in ("up", "down", "in", "out"):
        raise NotFound("a step moves up, down, in or out")
    moved = draft.nudge(step, cast(Way, way))
    return Done(moved, _moved(draft, moved, step), step)


def _moved(old: Draft, new: Draft, step: str) -> str:
    title = title_of(new.node(step).kind)
    return f"{title} stays: {where(new, step)}" if old == new else f"{title} moved to {where(new, step)}"


def _duplicate(draft: Draft, form: Form) -> Done:
    grown, made = draft.duplicate(form.get("step", ""))
    return Done(grown, f"{title_of(grown.node(made).kind)} duplicated: {where(grown, made)}", made)


def _remove(draft: Draft, form: Form) -> Done:
    """Take a step out; the one after it is selected, else the one before it, else the one around it."""
    step = form.get("step", "")
    node = draft.node(step)
    lane, at = next((lane, index) for each, lane, index, _ in draft.walk() if each.id == step)
    beside = [*lane.steps[at + 1 :], *reversed(lane.steps[:at])]
    around = draft.parents(step)
    follower = beside[0].id if beside else around[-1].id if around else ""
    return Done(draft.remove(step), f"{title_of(node.kind)} deleted", follower)


def _lane_add(draft: Draft, form: Form) -> Done:
    step = form.get("step", "")
    grown = draft.add_lane(step)
    return Done(grown, f"Branch {len(grown.node(step).lanes)} added", step)


def _lane_remove(draft: Draft, form: Form) -> Done:
    lane = form.get("lane", "")
    smaller = draft.remove_lane(lane)
    owner = draft.node(lane.partition("/")[0])
    return Done(smaller, f"{lane_title(owner, draft.lane(lane))} deleted", owner.id)


def _lane_set(draft: Draft, form: Form) -> Done:
    lane, text = form.get("lane", ""), form.get("value", "").strip()
    owner = draft.node(lane.partition("/")[0])
    changed = draft.set_lane(lane, form.get("field", "weight"), plain.number(text))
    return Done(changed, f"{lane_title(owner, draft.lane(lane))} set", owner.id)


DEEDS: dict[str, tuple[str, Callable[[Draft, Form], Done]]] = {
    "add": ("Add", _add),
    "move": ("Move", _move),
    "nudge": ("Move", _nudge),
    "duplicate": ("Duplicate", _duplicate),
    "remove": ("Delete", _remove),
    "set": ("Edit", _set),
    "head": ("Edit settings", _head),
    "lane-add": ("Add branch to", _lane_add),
    "lane-remove": ("Delete branch", _lane_remove),
    "lane-set": ("Set weight", _lane_set),
}
TYPED = ("set", "lane-set", "head")
"""Deeds that are sent while somebody types."""
