"""An answer as a tree: what a chatbot sent, each value with the path that leads to it. Where a form picks, values are buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy as h

from krawall.services.mapping import Read
from krawall.services.twigs import Branch, Twig, branches
from krawall.web import ui

PARTS = {
    "text": "Reply text",
    "conversation_id": "Conversation id",
    "error": "Error",
    "finish": "Finish reason",
    "reasoning": "Reasoning",
    "usage.input": "Tokens in",
    "usage.output": "Tokens out",
    "usage.cached": "Tokens cached",
    "usage.cache_write": "Tokens written to cache",
    "usage.reasoning": "Tokens of reasoning",
    "done": "End of the stream",
    "format": "Format",
}
"""Parts of a reply as people call them."""


def answer_tree(raw: str, marks: Mapping[str, Sequence[str]], pick: Mapping[str, str] | None = None) -> h.Node:
    """Return the answer as a tree; nothing when it has no values that a path could lead to.

    `marks`: path -> what the mapping reads there. `pick`: attributes of the buttons that values become; None: they are text.
    """
    found = branches(raw)
    if not found:
        return None
    several = len(found) > 1 or found[0].count > 1
    return h.div(".tree", role="region", aria_label="Answer", tabindex="0", data_tree=pick is not None)[
        [
            [several and h.p(".muted")[_title(branch)], h.ul[[_twig(each, marks, pick) for each in branch.twigs]]]
            for branch in found
        ]
    ]


def marks_of(reads: Sequence[Read]) -> dict[str, list[str]]:
    """Return path -> words of what is read there."""
    made: dict[str, list[str]] = {}
    for each in reads:
        for path in each.path.split(", ") if each.state == "found" else ():
            made.setdefault(path, []).append(PARTS[each.part])
    return made


def _title(branch: Branch) -> h.Node:
    times = f"{branch.count:,} times" if branch.count > 1 else "once"
    return [h.code[branch.title], f", {times}"] if branch.title else f"A message like this, {times}"


def _twig(twig: Twig, marks: Mapping[str, Sequence[str]], pick: Mapping[str, str] | None) -> h.Element:
    if twig.kind == "within":
        return h.li[h.span(".name")[twig.name], h.ul[[_twig(each, marks, pick) for each in twig.twigs]]]
    said = f"“{twig.value}”" if twig.kind == "text" and twig.value[:1] not in "{[" else twig.value
    inside: h.Node = [
        h.span(".name")[twig.name],
        h.span(class_=f"value {twig.kind}")[said or "“”"],
        [ui.badge(each, "accent") for each in marks.get(twig.path, ())],
    ]
    if pick is None:
        return h.li[h.span(".twig", data_tip=twig.path)[inside]]
    return h.li[
        h.button(
            {"type": "submit", "class": "twig", "name": "pick", "value": twig.path, "data-tip": twig.path, **pick}
        )[inside]
    ]
