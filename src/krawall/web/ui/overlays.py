"""What lies over a page for a while: dialogs, menus, toasts. The browser opens and closes them; no script is needed for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import htpy as h

from krawall.web.ui.actions import Kind, button, form
from krawall.web.ui.icons import Icon, icon


def dialog(id: str, title: str, *content: h.Node, actions: h.Node = None, about: h.Node = None) -> h.Element:
    """Return a dialog that `opens` names. `actions` stand at its foot."""
    return h.dialog(".dialog", id=id, aria_labelledby=f"{id}-title", closedby="any")[
        h.header[
            h.h2(id=f"{id}-title")[title],
            h.button(".btn.ghost.bare.small", type="button", commandfor=id, command="close", aria_label="Close")[
                icon("x")
            ],
        ],
        h.div(".in")[about is not None and h.p(".muted")[about], content],
        actions is not None and h.footer[actions],
    ]


def opens(id: str) -> dict[str, str | bool | None]:
    """Return what a button needs to open a dialog: `button(..., more=opens("delete"))`."""
    return {"commandfor": id, "command": "show-modal", "aria-haspopup": "dialog"}


def confirm(id: str, title: str, *, consequence: h.Node, action: str, deed: str, symbol: Icon = "trash-2") -> h.Element:
    """Return a dialog in front of a danger: the button names the deed, and focus starts on Cancel."""
    return h.dialog(".dialog", id=id, aria_labelledby=f"{id}-title", aria_describedby=f"{id}-about", closedby="any")[
        h.header[h.h2(id=f"{id}-title")[title]],
        h.div(".in", id=f"{id}-about")[consequence],
        form(
            action,
            h.footer[
                h.button(".btn", type="button", commandfor=id, command="close", autofocus=True)["Cancel"],
                button(deed, kind="danger", symbol=symbol, submit=True),
            ],
        ),
    ]


@dataclass(frozen=True)
class Item:
    """One line of a menu: a link, a button that opens a dialog, or a form of one button.

    `brings`: a dialog that a link's answer is put into, and which then opens; without scripts the link leads to a page.
    """

    label: str
    symbol: Icon
    href: str = ""
    opens: str = ""
    brings: str = ""
    action: str = ""
    download: bool = False
    danger: bool = False


def menu(
    id: str,
    label: str,
    items: Sequence[Item | None],
    *,
    symbol: Icon = "ellipsis",
    kind: Kind = "ghost",
    small: bool = False,
    bare: bool = True,
) -> h.Element:
    """Return a button with a menu. None among the items draws a line. Arrow keys walk it, Esc closes it."""
    more: dict[str, str | bool | None] = {"popovertarget": id, "aria-haspopup": "menu", "aria-controls": id}
    return h.div(".menu")[
        button(label, symbol=symbol, bare=bare, kind=kind, small=small, more=more),
        h.div(".items", id=id, popover="auto", role="menu", aria_label=label)[
            [h.div(role="separator") if item is None else _item(id, item) for item in items]
        ],
    ]


def _item(menu_id: str, item: Item) -> h.Node:
    inside: h.Node = [icon(item.symbol), item.label]
    classes = "danger" if item.danger else None
    if item.action:
        return form(
            item.action,
            h.button({"type": "submit", "role": "menuitem", "class": classes, "tabindex": "-1"})[inside],
            more={"role": "none"},
        )
    if item.opens:
        attributes: dict[str, str | None] = {"type": "button", "role": "menuitem", "class": classes, "tabindex": "-1"}
        return h.button({**attributes, "commandfor": item.opens, "command": "show-modal"})[inside]
    link: dict[str, str | bool | None] = {"href": item.href, "role": "menuitem", "class": classes, "tabindex": "-1"}
    if item.brings:
        link |= {"hx-get": item.href, "hx-target": f"#{item.brings}", "hx-swap": "innerHTML", "aria-haspopup": "dialog"}
    return h.a({**link, "download": item.download})[inside]


def toast(text: str, tone: Literal["ok", "bad", "info"] = "ok") -> h.Element:
    """Return a short word about what was done. Errors stay until they are closed."""
    symbols: dict[str, Icon] = {"ok": "circle-check", "bad": "circle-alert", "info": "info"}
    return h.div(class_=f"toast {tone}", data_stays=tone == "bad")[
        icon(symbols[tone], size=18), h.p[text], h.button(type="button", data_close=True, aria_label="Close")[icon("x")]
    ]
