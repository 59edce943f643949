"""The YAML tab: the draft as text, with line numbers. What cannot be read leaves the draft as it was, and says where it is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import htpy as h

from krawall.errors import Place
from krawall.services.drafts import to_text
from krawall.web import ui
from krawall.web.pages.builder_view import View, action

MOST = 1_000_000
"""Characters that are taken in."""


def text_tab(view: View) -> h.Element:
    """Return the tab. `view.text`: what was typed and could not be taken in, with its errors."""
    text = to_text(view.editing.draft) if view.text is None else view.text
    lines = text.count("\n") + 1
    wrong = {place.line for place in view.wrong_text if place.line}
    return h.section(".written", id="written", aria_label="The scenario as YAML")[
        ui.form(
            action(view, "yaml"),
            h.div(".sheet")[
                h.ol(".gutter", id="gutter", aria_hidden="true")[
                    [h.li(data_wrong=number in wrong)[str(number)] for number in range(1, lines + 1)]
                ],
                h.textarea(
                    {
                        "class": "input mono", "id": "yaml", "name": "text", "wrap": "off", "spellcheck": "false", "autocapitalize": "none",
                        "aria-label": "Scenario as YAML", "aria-describedby": "yaml-state", "aria-invalid": "true" if view.wrong_text else None,
                        "rows": "24", "readonly": not view.may_edit,
                    }
                )["\n", text],
            ],
            h.noscript[ui.button("Take in", submit=True)] if view.may_edit else None,
            partial=False,
            more={"hx-post": action(view, "yaml"), "hx-trigger": "input delay:400ms, change, submit", "class": "sheet-form"} if view.may_edit else {},
        ),
        _state(view, text),
    ]  # fmt: skip


def _state(view: View, text: str) -> h.Element:
    if not view.wrong_text:
        words = "Every change is taken into the draft as soon as it can be read." if view.may_edit else "Read only."
        return h.p(".muted", id="yaml-state")[words]
    lines = text.splitlines()
    return h.div(".notice.bad", id="yaml-state", role="alert", data_seen=True)[
        ui.icon("circle-alert", size=18),
        h.div(".words")[
            h.strong["This text is not taken in yet: the draft stays as it was"],
            h.ul[[_place(place, lines) for place in view.wrong_text]],
        ],
    ]


def _place(place: Place, lines: Sequence[str]) -> h.Element:
    if not place.line:
        return h.li[f"{place.path}: {place.message}" if place.path else place.message]
    column = column_of(place, lines)
    message = place.message.removeprefix(f"column {column}: ")
    message = f"{place.path}: {message}" if place.path else message
    return h.li[
        h.a(".spot", href="#yaml", data_line=str(place.line), data_column=str(column))[f"Line {place.line}, column {column}"],
        f": {message}",
    ]  # fmt: skip


def column_of(place: Place, lines: Sequence[str]) -> int:
    """Return the 1-based column of an error: that which it names, or where its key or its line begins."""
    said, _, rest = place.message.partition(":")
    if rest and said.startswith("column ") and said[7:].isdecimal():
        return int(said[7:])
    line = lines[place.line - 1] if place.line and place.line <= len(lines) else ""
    key = place.path.rpartition(".")[2]
    at = line.find(f"{key}:") if key and not key.isdecimal() else -1
    return (at if at >= 0 else len(line) - len(line.lstrip(" -"))) + 1


def diff_of(old: str, new: str) -> str:
    """Return what differs as a unified diff."""
    return "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))
