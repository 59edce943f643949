"""The keys that work everywhere and those of a page, as the help dialog lists them. What a key does is written on what it presses (`data-key`)."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from krawall.web.ui.fields import switch
from krawall.web.ui.navigation import GROUPS
from krawall.web.ui.overlays import dialog

Key = tuple[tuple[str, ...], tuple[str, ...], str]
"""What is pressed, what can be pressed instead, and what that does."""

ANYWHERE: tuple[Key, ...] = (
    (("⌘", "K"), ("Ctrl", "K"), "Search pages, actions, targets, scenarios and sessions"),
    (("?",), (), "This list"),
    (("n",), (), "New, on pages with a list"),
    (("/",), (), "To the filter of a list"),
    (("[",), (), "Collapse or expand the sidebar"),
    (("Esc",), (), "Close the topmost thing"),
)


def keys(here: Sequence[Key] = ()) -> h.Element:
    """Return the list of keys as a dialog, with the switch that turns single letters off. `here`: those of the page."""
    go: list[Key] = [
        (("g", area.key), (), f"Go to {area.words.lower()}") for group in GROUPS for area in group.areas if area.key
    ]
    return dialog(
        "keys",
        "Keyboard",
        here and [h.h3["On this page"], _list(here), h.h3["Everywhere"]],
        _list((*ANYWHERE, *go)),
        switch(
            "Single letters work as keys",
            "single-keys",
            True,
            help="They never do while you type.",
            more={"data-single-keys": True},
        ),
    )


def _list(each: Sequence[Key]) -> h.Element:
    return h.dl(".keys")[
        [
            h.div[
                h.dt[[h.kbd[key] for key in first], other and [h.span(".muted")["or"], [h.kbd[key] for key in other]]],
                h.dd[words],
            ]
            for first, other, words in each
        ]
    ]
