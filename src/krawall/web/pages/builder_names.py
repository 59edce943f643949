"""The list of names that a text of a step may use. A script puts the one that is pressed where the caret last was."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import htpy as h
from markupsafe import Markup

from krawall.services.scope import Name, Origin
from krawall.web import ui

_GROUPS: tuple[tuple[Origin, str], ...] = (
    ("variable", "Variables"),
    ("set", "Set by steps before"),
    ("data", "Data"),
    ("loop", "This loop"),
    ("conversation", "Conversation"),
    ("chance", "Chance"),
    ("environment", "Environment"),
    ("original", "Names of original files"),
)
OPERATORS = (
    ("'yes' in reply.lower()", "the reply has the word"),
    ("turn > 3 and not loop.first", "and, or, not, brackets"),
    ("ticket == 'T-1'", "==, !=, <, <=, >, >="),
    ("reply | length > 200", "filters: length, lower, upper, trim, first, last, int, round, join, default"),
    ("reply_json.items[0].price * 2", "a field, an item; +, -, *, /, %, ~ joins texts"),
    ("'late' if turn > 3 else 'soon'", "one or the other"),
)
"""Expressions that show the language, each with what it shows."""


def picker(names: Sequence[Name]) -> Markup:
    """Return the button and its list. It is the same for most edits of a scenario, and drawn once for them."""
    return _drawn(tuple(names))


@functools.lru_cache(maxsize=256)
def _drawn(names: tuple[Name, ...]) -> Markup:
    groups = [(title, [name for name in names if name.origin == origin]) for origin, title in _GROUPS]
    made = h.div(".names")[
        ui.button(
            "Insert a name", symbol="plus", small=True,
            more={"popovertarget": "names", "aria-haspopup": "dialog", "aria-controls": "names", "id": "names-open"},
        ),
        h.div(".namelist", id="names", popover="auto", role="dialog", aria_label="Names that this step can use")[
            [(h.h3[title], h.ul(".plainlist")[[_name(name) for name in each]]) for title, each in groups if each]
        ],
    ]  # fmt: skip
    return Markup(str(made))  # already escaped


def _name(name: Name) -> h.Element:
    return h.li[
        h.button(".name", type="button", data_insert=name.name, data_only=name.only_texts and "text")[
            h.code[name.name],
            name.maybe and ui.badge("maybe", "warn"),
            name.sample and h.span(".sample")[name.sample],
            h.small[name.about, ". Some ways here give it no value." if name.maybe else None],
        ]
    ]


def operators() -> h.Element:
    """Return what can be written in an expression, by examples."""
    return h.div(".operators")[
        h.h3["What an expression can say"],
        h.dl[[(h.dt[h.code[example]], h.dd(".muted")[about]) for example, about in OPERATORS]],
    ]
