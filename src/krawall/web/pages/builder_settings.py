"""The settings tab: everything that a scenario says besides its steps, and what its form posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import htpy as h

from krawall.services.draft import Draft
from krawall.services.scope import names_at
from krawall.web import ui
from krawall.web.pages.builder_fields import Sheet, draw, live_form, record, rest
from krawall.web.pages.builder_head_shapes import HEAD, SECTIONS
from krawall.web.pages.builder_names import picker
from krawall.web.pages.builder_shapes import Part, Record
from krawall.web.pages.builder_steps import fields_of
from krawall.web.pages.builder_view import View

_REST = "What a scenario may say and no field above asks for: a target with its settings, say. Keys and values are those of the file."


def settings(view: View, targets: Sequence[str]) -> h.Element:
    """Return the settings as one form of sections; each change is kept at once. `targets`: names that are offered."""
    sheet = Sheet(HEAD, dict(view.editing.draft.head), view.wrong(""))
    parts = {part.key: part for part in HEAD.parts}
    cards = [
        ui.card(
            title,
            about and h.p(".help")[about],
            picker(names_at(view.editing.draft, "")) if "system" in keys and view.may_edit else None,
            h.div(class_="grid-fields single" if len(keys) == 1 else "grid-fields")[[_part(sheet, parts[key]) for key in keys]],
            id=f"settings-{id}",
        )
        for id, title, about, keys in SECTIONS
    ]  # fmt: skip
    other = ui.card(
        "Everything else", h.div(".grid-fields")[rest(sheet, "", "", always=True, help=_REST)], id="settings-rest"
    )
    left = ui.problems(sheet.left(), "Something is wrong here", focus=False)
    return h.div(".settings")[
        _contents(),
        live_form(
            view, "head", "settings-form",
            h.input(type="hidden", name="krawall", value=sheet.of("krawall")) if sheet.of("krawall") else None,
            left, cards, other,
            h.datalist(id="targets")[[h.option(value=each) for each in targets]],
        ),
    ]  # fmt: skip


def _contents() -> h.Element:
    entries = [(id, title) for id, title, _, _ in SECTIONS]
    return h.nav(".contents", aria_label="Settings")[
        h.ul(".plainlist")[
            [h.li[h.a(href=f"#settings-{id}")[title]] for id, title in [*entries, ("rest", "Everything else")]]
        ]
    ]


def _part(sheet: Sheet, part: Part) -> h.Node:
    """Return the fields of a key. A record that fills a section needs no frame of its own."""
    if not isinstance(part.shape, Record):
        return draw(sheet, part.shape, part.key, part.key)
    inside = record(sheet, part.shape, part.key, part.key)
    error = sheet.error(part.key)
    return [error and ui.problems([error], "This does not fit together", focus=False), inside]


def head_fields(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form says of a scenario besides its steps: key -> value, None for one that is to be taken away.

    Keys that the form did not ask for are not in it. What was typed wrongly is there as it was typed.
    """
    return {key: value for key, value in fields_of(HEAD, form).items() if key != "steps"}


def with_head(draft: Draft, form: Mapping[str, str]) -> Draft:
    """Return a draft whose settings are those that a form says."""
    for key, value in head_fields(form).items():
        draft = draft.set_head(key, value)
    return draft


def head_texts(head: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts that the form of the settings shows."""
    return Sheet(HEAD, dict(head), ()).texts
