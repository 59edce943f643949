"""The palette: every page, action and kept thing by a few letters. Pages and actions stand in it, the rest comes from the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import htpy as h

from krawall.web.ui.icons import Icon, icon
from krawall.web.ui.navigation import DEEDS, GROUPS

FOUND = "/palette"


@dataclass(frozen=True)
class Found:
    """One thing that was found. `hint`: what kind of thing it is, or its state."""

    words: str
    href: str
    symbol: Icon
    hint: str = ""
    says: str = ""
    key: str = ""


def palette() -> h.Element:
    """Return the palette, closed. A combobox over a listbox, as ARIA describes them."""
    pages = [
        Found(area.words, area.href, area.symbol, says=area.says, key=area.key and f"g {area.key}")
        for group in GROUPS
        for area in group.areas
    ]
    deeds = [Found(deed.words, deed.href, deed.symbol, says=deed.says) for deed in DEEDS]
    return h.dialog(".palette", id="palette", aria_label="Search pages, actions, targets, scenarios and sessions", closedby="any")[
        h.header[
            icon("search", size=18),
            h.input(
                {"hx-get": FOUND, "hx-target": "#found", "hx-trigger": "input changed delay:60ms, palette:open", "hx-sync": "this:replace"},
                id="palette-input", name="q", type="text", role="combobox", aria_label="Search", aria_expanded="true",
                aria_controls="palette-list", aria_autocomplete="list", autocomplete="off", spellcheck="false",
            ),
            h.kbd["esc"],
        ],
        h.div(".list", id="palette-list", role="listbox", aria_label="Results")[
            group("Pages", pages),
            group("Actions", deeds),
            h.div(id="found", role="presentation"),
        ],
        h.p(".none", hidden=True)["Nothing is called so. Try fewer letters."],
        h.footer(aria_hidden="true")[
            h.span[h.kbd["↑"], h.kbd["↓"], " choose"], h.span[h.kbd["↵"], " open"], h.span[h.kbd["?"], " all keys"]
        ],
    ]  # fmt: skip


def group(title: str, each: Sequence[Found]) -> h.Node:
    """Return things of one kind under their heading; nothing when there are none."""
    if not each:
        return None
    id = f"palette-{title.lower()}"
    return h.div(role="group", aria_labelledby=id)[
        h.div(".heading", id=id, role="presentation")[title],
        [
            h.a(
                {"data-words": f"{one.words} {one.says}".strip().lower(), "data-served": title not in ("Pages", "Actions")},
                role="option", href=one.href, id=f"{id}-{number}", tabindex="-1", aria_selected="false",
            )[
                icon(one.symbol),
                h.span(".words")[one.words],
                one.hint and h.span(".hint")[one.hint],
                one.key and h.span(".hint")[[h.kbd[letter] for letter in one.key.split()]],
            ]
            for number, one in enumerate(each)
        ],
    ]  # fmt: skip
