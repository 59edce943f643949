"""A draft of a scenario: the tree that the flow builder edits. Pure; every operation returns a new draft and leaves the old one as it was.

Steps carry ids that survive every operation, so that a page can keep its place. A *lane* is a list of steps: the scenario's own
(`root`), or one inside a step. A draft may be wrong in its fields, never in its shape: it is always a tree.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from krawall.errors import NotFound, Refused
from krawall.plugins import registry
from krawall.plugins.assemble import expand, step_classes
from krawall.services.lanes import LaneField, lane_fields

ROOT = "root"
Way = Literal["up", "down", "in", "out"]
_Change = Callable[["tuple[Node, ...]"], "tuple[Node, ...]"]
_NodeChange = Callable[["Node"], "Node"]


@dataclass(frozen=True)
class Lane:
    """A list of steps. `id`: `root`, or the step's id and where in it; `item`: what else its element of a list holds (a weight)."""

    id: str
    field: str
    steps: tuple[Node, ...] = ()
    item: dict[str, Any] | None = None


@dataclass(frozen=True)
class Node:
    """A step: its kind, its own fields as they were written, its lanes."""

    id: str
    kind: str
    fields: dict[str, Any]
    lanes: tuple[Lane, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A scenario being written. `head` is everything but the steps; `made` counts ids."""

    head: dict[str, Any]
    root: Lane
    made: int = 0

    # to and from documents ----------------------------------------------------------------------------

    @classmethod
    def of(cls, body: dict[str, Any]) -> Draft:
        """Return the draft of a scenario's body (as written: short forms are understood)."""
        count = _Counter()
        steps = tuple(_node(step, count) for step in body.get("steps", ()))
        head = {key: copy.deepcopy(value) for key, value in body.items() if key != "steps"}
        return cls(head, Lane(ROOT, "steps", steps), count.made)

    def body(self) -> dict[str, Any]:
        """Return the scenario's body, steps in their short forms."""
        return {**copy.deepcopy(self.head), "steps": [_raw(node) for node in self.root.steps]}

    # looking ------------------------------------------------------------------------------------------

    def walk(self) -> Iterator[tuple[Node, Lane, int, int]]:
        """Yield (step, its lane, its index there, its depth), in the order of the document."""
        yield from _walk(self.root, 0)

    def node(self, id: str) -> Node:
        """Return a step. Raises NotFound."""
        return self._place(id)[0]

    def lane(self, id: str) -> Lane:
        """Return a lane. Raises NotFound."""
        if id == ROOT:
            return self.root
        for node, _, _, _ in self.walk():
            for lane in node.lanes:
                if lane.id == id:
                    return lane
        raise NotFound(f"there is no lane {id!r} in this draft any more", hint="load the page anew")

    def parents(self, id: str) -> list[Node]:
        """Return the steps around a step, outermost first. Raises NotFound."""
        found: list[Node] = []
        lane = self._place(id)[1]
        while lane.id != ROOT:
            owner = self.node(_owner(lane.id))
            found.insert(0, owner)
            lane = self._place(owner.id)[1]
        return found

    def path(self, id: str) -> str:
        """Return the place of a step in the document, such as `steps.2.steps.0`. Raises NotFound."""
        _, lane, index = self._place(id)
        if lane.id == ROOT:
            return f"steps.{index}"
        return f"{self.path(_owner(lane.id))}.{lane.id.partition('/')[2].replace('/', '.')}.{index}"

    def at(self, path: str) -> tuple[str, str]:
        """Return (id of the step, field in it) that a place of an error names; id "" when it is in none: then the field is the path."""
        parts = path.split(".")
        if not parts or parts[0] != "steps":
            return "", path
        lane, rest, node = self.root, parts[1:], None
        while rest and rest[0].isdecimal() and int(rest[0]) < len(lane.steps):
            node, rest = lane.steps[int(rest[0])], rest[1:]
            inner, left = _enter(node, rest)
            if inner is None:
                break
            lane, rest = inner, left
        if node is None:
            return "", path
        if rest and rest[0] == node.kind and rest[0] not in node.fields:
            rest = rest[1:]
        return node.id, ".".join(rest)

    def _place(self, id: str) -> tuple[Node, Lane, int]:
        for node, lane, index, _ in self.walk():
            if node.id == id:
                return node, lane, index
        raise NotFound(f"there is no step {id!r} in this draft any more", hint="load the page anew")

    # changing -----------------------------------------------------------------------------------------

    def add(self, kind: str, lane: str = ROOT, index: int | None = None) -> tuple[Draft, str]:
        """Return the draft with a new step, and its id. `index` None: at the lane's end.

        Raises:
            NotFound: there is no such kind or lane.
        """
        if kind not in step_classes():
            raise NotFound(f"there is no step {kind!r}{registry.nearest(kind, step_classes())}")
        count = _Counter(self.made)
        node = _node(blank(kind), count)
        grown = replace(self._with(lane, lambda steps: _inserted(steps, index, node)), made=count.made)
        return grown, node.id

    def remove(self, id: str) -> Draft:
        """Return the draft without a step and what is in it. Raises NotFound."""
        _, lane, index = self._place(id)
        return self._with(lane.id, lambda steps: steps[:index] + steps[index + 1 :])

    def duplicate(self, id: str) -> tuple[Draft, str]:
        """Return the draft with a copy right after a step, and the copy's id. Raises NotFound."""
        node, lane, index = self._place(id)
        count = _Counter(self.made)
        twin = _node(_raw(node), count)
        grown = replace(self._with(lane.id, lambda steps: _inserted(steps, index + 1, twin)), made=count.made)
        return grown, twin.id

    def move(self, id: str, lane: str, index: int) -> Draft:
        """Return the draft with a step at `index` of a lane, counted as if it were still where it was.

        Raises:
            NotFound: there is no such step or lane.
            Refused: the lane is inside the step.
        """
        node, home, at = self._place(id)
        self.lane(lane)
        if any(inner.id == lane for each, _, _, _ in _walk(Lane("", "", (node,)), 0) for inner in each.lanes):
            raise Refused("a step cannot go into itself")
        if lane == home.id and index > at:
            index -= 1
        return self.remove(id)._with(lane, lambda steps: _inserted(steps, index, node))

    def nudge(self, id: str, way: Way) -> Draft:
        """Return the draft with a step moved by one place: up or down in its lane, `in`to the container above it, or `out` of its own.

        At an end of its lane nothing changes. Raises NotFound.
        """
        _, lane, index = self._place(id)
        if way == "up" and index > 0:
            return self.move(id, lane.id, index - 1)
        if way == "down" and index + 1 < len(lane.steps):
            return self.move(id, lane.id, index + 2)
        if way == "in" and index > 0 and lane.steps[index - 1].lanes:
            into = lane.steps[index - 1].lanes[0]
            return self.move(id, into.id, len(into.steps))
        if way == "out" and lane.id != ROOT:
            _, around, position = self._place(_owner(lane.id))
            return self.move(id, around.id, position + 1)
        return self

    def set(self, id: str, field: str, value: object) -> Draft:
        """Return the draft with a field of a step set; None takes the field away. Raises NotFound."""

        def changed(node: Node) -> Node:
            fields = {key: inner for key, inner in node.fields.items() if key != field}
            if value is not None:
                fields = {**node.fields, field: value}
            return replace(node, fields=fields)

        return self._changed(id, changed)

    def set_head(self, field: str, value: object) -> Draft:
        """Return the draft with a field of the scenario set; None takes it away. `steps` is not one of them."""
        if field == "steps":
            raise Refused("steps are changed one by one")
        head = {key: inner for key, inner in self.head.items() if key != field}
        return replace(self, head=head if value is None else {**self.head, field: value})

    def add_lane(self, id: str) -> Draft:
        """Return the draft with one more lane in a step that has a list of them (a branch). Raises NotFound, Refused."""
        form = _listed(self.node(id))

        def grown(node: Node) -> Node:
            lane = Lane(f"{id}/{form.field}/{len(node.lanes)}/{form.inner}", form.field, (), {})
            return replace(node, lanes=(*node.lanes, lane))

        return self._changed(id, grown)

    def remove_lane(self, lane: str) -> Draft:
        """Return the draft without a branch and what is in it; a step keeps at least one. Raises NotFound, Refused."""
        gone = self.lane(lane)
        owner = self.node(_owner(lane)) if lane != ROOT else None
        if owner is None or gone.item is None or len(owner.lanes) < 2:
            raise Refused("this lane stays: the step needs it")
        form = _listed(owner)

        def smaller(node: Node) -> Node:
            left = [each for each in node.lanes if each.id != lane]
            return replace(
                node,
                lanes=tuple(
                    replace(each, id=f"{node.id}/{form.field}/{index}/{form.inner}") for index, each in enumerate(left)
                ),
            )

        return self._changed(owner.id, smaller)

    def set_lane(self, lane: str, field: str, value: object) -> Draft:
        """Return the draft with a field of a branch set, such as its weight. Raises NotFound, Refused."""
        if self.lane(lane).item is None:
            raise Refused("this lane has nothing to set")

        def changed(node: Node) -> Node:
            return replace(
                node,
                lanes=tuple(
                    replace(each, item={**(each.item or {}), field: value}) if each.id == lane else each
                    for each in node.lanes
                ),
            )

        return self._changed(_owner(lane), changed)

    def _with(self, lane: str, change: _Change) -> Draft:
        self.lane(lane)
        return replace(self, root=_rebuilt(self.root, lane, change))

    def _changed(self, id: str, change: _NodeChange) -> Draft:
        _, lane, index = self._place(id)
        return self._with(lane.id, lambda steps: (*steps[:index], change(steps[index]), *steps[index + 1 :]))


def blank(kind: str) -> dict[str, Any]:
    """Return the body of a new step of a kind: valid where a kind can be so without steps inside and words of the author."""
    return copy.deepcopy(_BLANK.get(kind) or {kind: None})


_BLANK: dict[str, dict[str, Any]] = {
    "message": {"message": "Hello"},
    "delay": {"delay": "1s"},
    "loop": {"loop": 3, "steps": []},
    "conditional": {"conditional": "turn > 1", "then": [], "else": []},
    "expect": {"expect": [{"length": "> 0"}]},
    "set": {"set": {"answer": {"value": "reply"}}},
    "choose": {"choose": [{"weight": 1, "steps": []}, {"weight": 1, "steps": []}]},
    "end": {"end": "customer leaves"},
}


# inside -------------------------------------------------------------------------------------------------


class _Counter:
    def __init__(self, made: int = 0) -> None:
        self.made = made

    def next(self) -> str:
        self.made += 1
        return f"s{self.made}"


def _node(raw: object, count: _Counter) -> Node:
    """Return the tree of a step's body."""
    long = dict(expand(raw))  # type: ignore[call-overload]
    kind, id = str(long.pop("kind")), count.next()
    lanes: list[Lane] = []
    for form in lane_fields(step_classes()[kind]):
        value = long.pop(form.field, None)
        if form.inner:
            for index, each in enumerate(value or ()):
                item = {key: inner for key, inner in each.items() if key != form.inner}
                steps = tuple(_node(step, count) for step in each.get(form.inner, ()))
                lanes.append(Lane(f"{id}/{form.field}/{index}/{form.inner}", form.field, steps, item))
        else:
            lanes.append(Lane(f"{id}/{form.field}", form.field, tuple(_node(step, count) for step in value or ())))
    return Node(id, kind, copy.deepcopy(long), tuple(lanes))


def _raw(node: Node) -> dict[str, Any]:
    """Return a step's body in its short form."""
    fields = copy.deepcopy(node.fields)
    for form in lane_fields(step_classes()[node.kind]):
        if form.inner:
            fields[form.field] = [
                {**copy.deepcopy(lane.item or {}), form.inner: [_raw(step) for step in lane.steps]}
                for lane in node.lanes
                if lane.field == form.field
            ]
        else:
            inner = [_raw(step) for lane in node.lanes if lane.field == form.field for step in lane.steps]
            if inner or form.needed:
                fields[form.field] = inner
    short = step_classes()[node.kind].shorthand
    return {node.kind: fields.pop(short, None), **fields}


def _walk(lane: Lane, depth: int) -> Iterator[tuple[Node, Lane, int, int]]:
    for index, node in enumerate(lane.steps):
        yield node, lane, index, depth
        for inner in node.lanes:
            yield from _walk(inner, depth + 1)


def _rebuilt(lane: Lane, id: str, change: _Change) -> Lane:
    """Return a lane in which the one called `id` has other steps; what does not change is shared."""
    if lane.id == id:
        return replace(lane, steps=change(lane.steps))
    steps = []
    for node in lane.steps:
        lanes = tuple(_rebuilt(inner, id, change) for inner in node.lanes)
        same = all(new is old for new, old in zip(lanes, node.lanes, strict=True))
        steps.append(node if same else replace(node, lanes=lanes))
    same = all(new is old for new, old in zip(steps, lane.steps, strict=True))
    return lane if same else replace(lane, steps=tuple(steps))


def _inserted(steps: tuple[Node, ...], index: int | None, node: Node) -> tuple[Node, ...]:
    at = len(steps) if index is None else min(max(0, index), len(steps))
    return (*steps[:at], node, *steps[at:])


def _owner(lane: str) -> str:
    return lane.partition("/")[0]


def _listed(node: Node) -> LaneField:
    for form in lane_fields(step_classes()[node.kind]):
        if form.inner:
            return form
    raise Refused(f"a step {node.kind!r} has no branches to add to or take from")


def _enter(node: Node, rest: list[str]) -> tuple[Lane | None, list[str]]:
    """Return the lane inside `node` that a place goes on into, and what is left of the place.

    Places come from the model (`loop.steps.0`, the step's kind before its fields) and from walking steps, whose lanes have
    names of their own (`loop.0`, and of branches their numbers).
    """
    if rest and rest[0] == node.kind:
        rest = rest[1:]
    for lane in node.lanes:
        way = lane.id.partition("/")[2].split("/")
        if rest[: len(way)] == way and len(rest) > len(way) and rest[len(way)].isdecimal():
            return lane, rest[len(way) :]
    if len(node.lanes) and rest and rest[0].isdecimal():
        if node.lanes[0].item is None:
            return node.lanes[0], rest
        if int(rest[0]) < len(node.lanes):
            return node.lanes[int(rest[0])], rest[1:]
    return None, rest
