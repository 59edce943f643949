"""What a person presses: buttons, links that look like them, and the forms around them. Every action is one POST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import htpy as h

from krawall.web.frame import CSRF, CSRF_FIELD
from krawall.web.ui.icons import Icon, icon

Kind = Literal["plain", "primary", "ghost", "danger"]
Attributes = Mapping[str, str | bool | None]


def button(
    label: str,
    *,
    kind: Kind = "plain",
    symbol: Icon | None = None,
    bare: bool = False,
    small: bool = False,
    submit: bool = False,
    href: str = "",
    key: str = "",
    disabled_because: str = "",
    more: Attributes | None = None,
) -> h.Renderable:
    """Return a button, or a link with its looks. `label` is a verb.

    `bare` shows only the symbol; the label is then its tooltip. `key`: what presses it. A button that cannot be pressed
    says why, in words that everybody sees.
    """
    classes = " ".join(
        ["btn", kind if kind != "plain" else "", "small" if small else "", "bare" if bare else ""]
    ).split()
    attributes: dict[str, str | bool | None] = {"class": " ".join(classes), "data-key": key or None, **(more or {})}
    attributes["aria-keyshortcuts"] = key if len(key) == 1 and key.isalpha() else None
    if bare:
        attributes |= {"aria-label": label, "data-tip": label}
    inside = [symbol and icon(symbol), None if bare else h.span[label]]
    if href and not disabled_because:
        return h.a({"href": href, **attributes})[inside]
    attributes["type"] = "submit" if submit else "button"
    if not disabled_because:
        return h.button(attributes)[inside]
    return h.span(".why")[h.button({**attributes, "disabled": True})[inside], h.small[disabled_because]]


def form(
    action: str,
    *children: h.Node,
    id: str = "",
    partial: bool = True,
    secrets: bool = False,
    more: Attributes | None = None,
) -> h.Element:
    """Return a form that works as one POST; with `partial` htmx sends it, and an answer with errors takes its place."""
    attributes: dict[str, str | bool | None] = {
        "method": "post", "action": action, "id": id or None, "autocomplete": "off" if secrets else None,
    }  # fmt: skip
    if partial:
        attributes |= {"hx-post": action, "hx-target": "this", "hx-swap": "outerMorph", "novalidate": True}
    return h.form({**attributes, **(more or {})})[_csrf(), children]


@CSRF.consumer
def _csrf(value: str) -> h.Node:
    return h.input(type="hidden", name=CSRF_FIELD, value=value) if value else None


def deed(
    action: str,
    label: str,
    *,
    kind: Kind = "plain",
    symbol: Icon | None = None,
    small: bool = False,
    bare: bool = False,
    key: str = "",
) -> h.Element:
    """Return a form that is one button. `key`: what presses it."""
    pressed = button(label, kind=kind, symbol=symbol, small=small, bare=bare, submit=True, key=key)
    return form(action, pressed, more={"class": "deed"})
