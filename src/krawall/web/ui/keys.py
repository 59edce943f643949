"""The keys that work everywhere, as the help dialog lists them. What a key does is written on what it presses (`data-key`)."""

from __future__ import annotations

import htpy as h

from krawall.web.ui.fields import switch
from krawall.web.ui.navigation import GROUPS
from krawall.web.ui.overlays import dialog

ANYWHERE = (
    (("⌘", "K"), ("Ctrl", "K"), "Search pages, actions, targets, scenarios and sessions"),
    (("?",), (), "This list"),
    (("n",), (), "New, on pages with a list"),
    (("/",), (), "To the filter of a list"),
    (("[",), (), "Collapse or expand the sidebar"),
    (("Esc",), (), "Close the topmost thing"),
)


def keys() -> h.Element:
    """Return the list of keys as a dialog, with the switch that turns single letters off."""
    go = [(("g", area.key), (), f"Go to {area.words.lower()}") for group in GROUPS for area in group.areas if area.key]
    return dialog(
        "keys",
        "Keyboard",
        h.dl(".keys")[
            [
                h.div[
                    h.dt[
                        [h.kbd[key] for key in first],
                        other and [h.span(".muted")["or"], [h.kbd[key] for key in other]],
                    ],
                    h.dd[words],
                ]
                for first, other, words in (*ANYWHERE, *go)
            ]
        ],
        switch(
            "Single letters work as keys",
            "single-keys",
            True,
            help="They never do while you type.",
            more={"data-single-keys": True},
        ),
    )
