"""What a person fills in: fields, choices, switches. A message about what is wrong stands under its field and belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import htpy as h

from krawall.web.ui.actions import Attributes
from krawall.web.ui.icons import Icon, icon

Input = Literal["text", "url", "password", "number", "search", "email", "area"]


def field(
    label: str,
    name: str,
    value: str = "",
    *,
    kind: Input = "text",
    help: h.Node = None,
    error: str = "",
    required: bool = False,
    code: bool = False,
    rows: int = 5,
    id: str = "",
    hidden_label: bool = False,
    quiet: bool = False,
    example: str = "",
    disabled_because: str = "",
    more: Attributes | None = None,
) -> h.Element:
    """Return one field with its label, help and error. `code`: in a monospaced face; `quiet`: says not that it is optional.

    `example`: what an empty field shows: a value like those that are meant, or what holds when none is filled in.
    """
    id = id or _id(name)
    attributes = _describing(id, name, help, error, required, more)
    attributes["class"] = "input mono" if code else "input"
    if example:
        attributes["placeholder"] = example
    if disabled_because:
        attributes |= {"disabled": True, "aria-describedby": f"{id}-help"}
        help = disabled_because
    if kind == "area":
        made: h.Node = h.textarea({**attributes, "rows": str(rows)})[
            f"\n{value}" if value.startswith("\n") else value
        ]  # browsers drop one
    else:
        spelling = {"spellcheck": "false", "autocapitalize": "none"} if kind in ("url", "password") or code else {}
        if kind == "number":  # a field of type number forgets what it cannot read
            kind, spelling = "text", {**spelling, "inputmode": "decimal"}
        made = h.input({"type": kind, "value": value, **spelling, **attributes})
    return _row(label, id, made, help, error, required or quiet or kind == "search", hidden_label)


def select(
    label: str,
    name: str,
    options: Sequence[tuple[str, str]],
    value: str = "",
    *,
    help: h.Node = None,
    error: str = "",
    required: bool = False,
    id: str = "",
    hidden_label: bool = False,
    quiet: bool = False,
    more: Attributes | None = None,
) -> h.Element:
    """Return a choice of one from a list. `options`: value and words; `quiet`: says not that it is optional."""
    id = id or _id(name)
    # Where nothing is one of the choices the browser must not refuse it: a filter for all, say. The server checks.
    attributes = _describing(id, name, help, error, required and all(each for each, _ in options), more)
    chosen = h.span(".select")[
        h.select({**attributes, "class": "input"})[
            [h.option(value=each, selected=each == value)[words] for each, words in options]
        ],
        icon("chevron-down"),
    ]
    return _row(label, id, chosen, help, error, required or quiet, hidden_label)


def switch(
    label: str, name: str, on: bool = False, *, help: h.Node = None, more: Attributes | None = None
) -> h.Element:
    """Return a setting that is on or off. Without a word of the browser it is off."""
    id = _id(name)
    described = f"{id}-help" if help is not None else None
    box = h.input(
        {
            "type": "checkbox",
            "id": id,
            "name": name,
            "value": "yes",
            "checked": on,
            "aria-describedby": described,
            **(more or {}),
        }
    )
    return h.div(".field.check")[
        h.label(for_=id)[box, h.span[label]], help is not None and h.p(".help", id=f"{id}-help")[help]
    ]


@dataclass(frozen=True)
class Choice:
    """One of several things that need a sentence each."""

    value: str
    title: str
    about: str = ""
    symbol: Icon | None = None


def choices(
    label: str,
    name: str,
    options: Sequence[Choice],
    value: str = "",
    *,
    error: str = "",
    more: Attributes | None = None,
) -> h.Element:
    """Return cards of which one is chosen."""
    id = _id(name)
    return h.fieldset(".choices", aria_describedby=f"{id}-error" if error else None)[
        h.legend[label],
        h.div(".grid")[
            [
                h.label(".choice")[
                    h.input(
                        {
                            "type": "radio",
                            "name": name,
                            "value": each.value,
                            "checked": each.value == value,
                            **(more or {}),
                        }
                    ),
                    h.span(".what")[
                        each.symbol and h.span(".chip")[icon(each.symbol)],
                        h.strong[each.title],
                        h.span(".about")[each.about],
                    ],
                ]
                for each in options
            ]
        ],
        error and _error(id, error),
    ]


def problems(messages: Sequence[str], title: str = "This cannot be saved yet", *, focus: bool = True) -> h.Node:
    """Return what is wrong with a form as a whole, where no field is to blame; nothing when there is nothing."""
    if not messages:
        return None
    return h.div(".notice.bad", role="alert", tabindex="-1", autofocus=focus)[
        icon("circle-alert", size=18),
        h.div(".words")[h.strong[title], h.ul[[h.li[message] for message in messages]]],
    ]


def _id(name: str) -> str:
    return "f-" + name.replace(".", "-").replace("[", "-").replace("]", "").replace(" ", "-")


def _describing(
    id: str, name: str, help: h.Node, error: str, required: bool, more: Attributes | None
) -> dict[str, str | bool | None]:
    described = " ".join([f"{id}-error"] * bool(error) + [f"{id}-help"] * (help is not None))
    return {
        "id": id, "name": name, "required": required, "aria-describedby": described or None,
        "aria-invalid": "true" if error else None, **(more or {}),
    }  # fmt: skip


def _row(label: str, id: str, made: h.Node, help: h.Node, error: str, required: bool, hidden_label: bool) -> h.Element:
    words = h.label(class_="sr" if hidden_label else None, for_=id)[
        label, not required and not hidden_label and h.span(".optional")["optional"]
    ]
    return h.div(".field")[
        words, made, error and _error(id, error), help is not None and h.p(".help", id=f"{id}-help")[help]
    ]


def _error(id: str, error: str) -> h.Element:
    return h.p(".error", id=f"{id}-error")[icon("circle-alert", size=14), error]
