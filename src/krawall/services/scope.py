"""Names in scope: what a text or an expression may use at one step of a draft, where each comes from, and what it looks like. Pure.

A plan accepts a name anywhere once a step somewhere sets it; what is told here is less: names that have a value by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import ValidationError

from krawall.conversation.names import ORIGINAL_NAMES
from krawall.model.scenario import RESERVED
from krawall.model.step import Step
from krawall.plugins.assemble import assemble, expand, step_classes
from krawall.services.draft import ROOT, Draft, Lane, Node

Origin = Literal["variable", "data", "set", "loop", "conversation", "chance", "environment", "original"]
SAMPLE = 60
"""Characters of a sample."""


@dataclass(frozen=True)
class Name:
    """A name and what is known of it. `name` can be written as it stands, calls and dots included.

    `maybe`: only some ways through the scenario give it a value before this step. `step`: the step that sets it.
    `only_texts`: expressions do not know it.
    """

    name: str
    origin: Origin
    about: str
    sample: str = ""
    maybe: bool = False
    step: str = ""
    only_texts: bool = False


_CONVERSATION: tuple[tuple[str, str, str], ...] = (
    ("reply", "text of the last reply; empty before the first message", "Your parcel is on its way."),
    ("reply_json", "the last reply read as JSON; nothing when it is none", '{"status": "sent"}'),
    ("turn", "messages sent in this conversation, this one included", "1, 2, 3, ..."),
    ("conversation", "number of the conversation in the session, from 0", "0, 1, 2, ..."),
    ("user", "number of the virtual user, from 0", "0, 1, 2, ..."),
    ("history", "the history: a list of {role, content}, oldest first", ""),
    ("usage.output", "output tokens of the last reply", "180"),
    ("usage.input", "input tokens of the last reply", "1200"),
    ("usage.cached", "input tokens of the last reply that were read from a cache", "0"),
    ("usage.reasoning", "output tokens of the last reply that nobody reads", "0"),
    ("usage.total", "input and output tokens of the last reply", "1380"),
    ("usage.cost", "cost of the last reply in USD", "0.0004"),
    ("now", "the time now, ISO 8601, UTC", "2026-01-31T12:00:00Z"),
)
_CHANCE: tuple[tuple[str, str, str], ...] = (
    ("rng.int(1, 6)", "a seeded whole number, both ends included", "4"),
    ("rng.float()", "a seeded number of 0 to 1", "0.27"),
    ("rng.choice(['a', 'b'])", "one of a list, drawn from the seed", "b"),
    ("rng.text(80)", "seeded small letters and spaces", "wq zt ..."),
    ("rng.uuid()", "a seeded UUID", "6f1c...-4..."),
)
_LOOP: tuple[tuple[str, str, str], ...] = (
    ("loop.index", "number of this pass, from 1", "1, 2, 3, ..."),
    ("loop.index0", "number of this pass, from 0", "0, 1, 2, ..."),
    ("loop.first", "whether this is the first pass", "true"),
    ("loop.last", "whether this is the last pass", "false"),
    ("loop.length", "how many passes there are; nothing for `while`", ""),
)


def names_at(draft: Draft, step: str) -> list[Name]:
    """Return the names that a text of a step may use, those of the author first. `step` "": the system prompt.

    Raises:
        NotFound: there is no such step.
    """
    assemble()
    around = draft.parents(step) if step else []
    own = {**_variables(draft), **(_set_before(draft, step, around) if step else {})}
    return [
        *own.values(),
        *_columns(draft.head.get("data")),
        *(_loop(around) if step else ()),
        *(Name(name, "conversation", about, sample) for name, about, sample in _CONVERSATION),
        *_chance(draft),
        *_environment(draft.head.get("env")),
        *_original(draft),
    ]


def _chance(draft: Draft) -> Iterator[Name]:
    # Texts in the original's language have `randomInt` and `randomText` in place of `rng`; expressions have `rng` in both.
    if draft.head.get("language") != "handlebars":
        yield from (Name(name, "chance", about, sample) for name, about, sample in _CHANCE)


def _original(draft: Draft) -> Iterator[Name]:
    if draft.head.get("language") == "handlebars":
        for name, about in ORIGINAL_NAMES.items():
            yield Name(name, "original", about, only_texts=True)


def _variables(draft: Draft) -> dict[str, Name]:
    given = draft.head.get("vars")
    found = {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        options = _any_of(value)
        about = "drawn once per conversation" if options is not None else "variable of the scenario"
        sample = ", ".join(map(str, options)) if options is not None else str(value)
        if _usable(name):
            found[name] = Name(name, "variable", about, _short(sample))
    return found


def _any_of(value: object) -> Sequence[object] | None:
    options = value.get("any of", value.get("any_of")) if isinstance(value, Mapping) else None
    return options if isinstance(options, list) else None


def _columns(data: object) -> Iterator[Name]:
    if not isinstance(data, Mapping):
        return
    rows = data.get("rows")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], Mapping) else {}
    for column in sorted(map(str, first)):
        name = f"data.{column}" if _usable(column, free=True) else f"data[{column!r}]"
        yield Name(name, "data", "column of the data, one row per conversation", _short(str(first[column])))
    if not first:
        yield Name("data", "data", "row of the data of this conversation")


def _environment(env: object) -> Iterator[Name]:
    for name in env if isinstance(env, list) else ():
        if isinstance(name, str) and _usable(name, free=True):
            yield Name(f"env.{name}", "environment", "environment variable of the workers")


def _loop(around: Sequence[Node]) -> Iterator[Name]:
    loops = [node for node in around if node.kind == "loop"]
    if not loops:
        return
    over = loops[-1].fields.get("over")
    if over is not None:
        items = ", ".join(map(str, over)) if isinstance(over, list) else f"of {over}"
        yield Name("loop.item", "loop", "item of this pass", _short(items), step=loops[-1].id)
    for name, about, sample in _LOOP:
        yield Name(name, "loop", about, sample, step=loops[-1].id)


def _usable(name: object, *, free: bool = False) -> bool:
    """Whether a name can be written in a text. `free`: after a dot, where no word is taken."""
    return isinstance(name, str) and name.isidentifier() and name.isascii() and (free or name not in RESERVED)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SAMPLE else line[: SAMPLE - 1] + "…"


# what steps set -----------------------------------------------------------------------------------------

_State = frozenset[str] | None
"""Names that have a value for certain; None where no way leads."""


@dataclass(frozen=True)
class _Ways:
    """What is certain after a lane, and at the ends of loops inside it that leave the loop around the lane."""

    after: _State
    broken: _State = None


def _set_before(draft: Draft, step: str, around: Sequence[Node]) -> dict[str, Name]:
    certain = _certain(draft, step, around)
    found: dict[str, Name] = {}
    for node in _before(draft, step, around):
        for name, about, sample in _sets(node):
            if node.id == step:
                about += "; has a value for the lines below it"
            if _usable(name):
                found[name] = Name(name, "set", about, sample, certain is None or name not in certain, node.id)
    for name in _variables(draft):
        if name in found:  # it has a value from the start
            found[name] = replace(found[name], maybe=False)
    return found


def _before(draft: Draft, step: str, around: Sequence[Node]) -> Iterator[Node]:
    """Yield the steps that may have been played before a step: those above it, and all of the loops around it."""
    looped = {inner.id for node in around if node.kind == "loop" for inner in _inside(node)}
    lanes = {lane.id for lane in _ways_to(draft, step, around)}
    beside = {lane.id for node in around for lane in node.lanes} - lanes
    apart = {inner.id for node in around for lane in node.lanes if lane.id in beside for inner in _all(lane.steps)}
    above = True
    for node, _, _, _ in draft.walk():
        if node.id == step:
            above = False
            if len(list(_sets(node))) > 1 or node.id in looped:
                yield node
        elif (above and node.id not in apart) or node.id in looped:
            yield node


def _ways_to(draft: Draft, step: str, around: Sequence[Node]) -> list[Lane]:
    """Return the lanes that lead to a step, outermost first."""
    lanes = [draft.root]
    for owner, inner in zip(around, [*(node.id for node in around), step][1:], strict=True):
        lanes += [lane for lane in owner.lanes if any(node.id == inner for node in lane.steps)]
    return lanes


def _certain(draft: Draft, step: str, around: Sequence[Node]) -> _State:
    state: _State = frozenset()
    for lane, inner in zip(_ways_to(draft, step, around), [*(node.id for node in around), step], strict=True):
        above = [node.id for node in lane.steps].index(inner)
        state = _along(lane.steps[:above], state).after
    return state


def _along(steps: Iterable[Node], state: _State) -> _Ways:
    broken: _State = None
    for node in steps:
        if state is None:
            break
        ways = _through(node, state)
        state, broken = ways.after, _either(broken, ways.broken)
    return _Ways(state, broken)


def _through(node: Node, state: frozenset[str]) -> _Ways:
    """Return what is certain after a step."""
    if node.kind == "end":
        return _Ways(None, state) if node.fields.get("because") == "loop" else _Ways(None)
    lanes = [_along(lane.steps, state) for lane in node.lanes]
    if node.kind == "loop":
        inner = lanes[0] if lanes else _Ways(state)
        return _Ways(_either(inner.after, inner.broken) if _plays(node) else state)
    after: _State = None
    broken: _State = None
    for ways in lanes:
        after, broken = _either(after, ways.after), _either(broken, ways.broken)
    if not lanes or node.kind not in ("conditional", "choose"):  # what another's step does with its lanes is not known
        after = state
    return _Ways(None if after is None else after | {name for name, _, _ in _sets(node)}, broken)


def _either(one: _State, other: _State) -> _State:
    """Return what is certain where two ways meet."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _plays(loop: Node) -> bool:
    """Whether a loop plays at least once, whatever happens."""
    times, over = loop.fields.get("times"), loop.fields.get("over")
    return (isinstance(times, int) and times > 0) or (isinstance(over, list) and bool(over))


def _sets(node: Node) -> Iterator[tuple[str, str, str]]:
    """Yield (name, where its value comes from, sample) of what a step sets."""
    values = node.fields.get("values")
    if node.kind == "set":
        for name, take in values.items() if isinstance(values, Mapping) else ():
            yield str(name), "set from " + _source(take), ""
    elif step_classes()[node.kind].defines is not Step.defines:
        for name in _defined(node):
            yield name, f"set by the step {node.kind}", ""


def _source(take: object) -> str:
    words = {
        "json": "the reply, read as JSON",
        "regex": "the reply, by a pattern",
        "value": "an expression",
        "text": "a text",
    }
    for word, about in words.items():
        if isinstance(take, Mapping) and take.get(word) is not None:
            return f"{about}: {_short(str(take[word]))}"
    return "nothing yet"


def _defined(node: Node) -> Sequence[str]:
    """Return the names that another's step says it sets; none while it is wrong."""
    alone = Draft({}, Lane(ROOT, "steps", (node,))).body()["steps"][0]
    try:
        long: Any = expand(alone)
        return step_classes()[node.kind].model_validate(long).defines()
    except (ValidationError, ValueError):
        return ()


def _inside(node: Node) -> Iterator[Node]:
    for lane in node.lanes:
        yield from _all(lane.steps)


def _all(steps: Iterable[Node]) -> Iterator[Node]:
    for node in steps:
        yield node
        yield from _inside(node)
