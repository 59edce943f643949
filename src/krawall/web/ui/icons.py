"""The icons of the pages: names of Lucide. The set-up puts those that are named here, and no others, into one sprite."""

from __future__ import annotations

import functools
from typing import Literal, get_args

import htpy as h
from markupsafe import Markup

from krawall.web.assets import asset

Icon = Literal[
    "archive", "archive-restore", "arrow-down", "arrow-left", "arrow-right", "arrow-up", "arrow-up-down", "book-open",
    "bot", "calendar-clock", "chart-column", "check", "chevron-down", "chevron-right", "circle-alert", "circle-check",
    "circle-help", "circle-x", "clock", "copy", "corner-down-left", "crosshair", "download", "ellipsis", "external-link",
    "eye", "file-text", "git-branch", "git-compare", "grip-vertical", "history", "inbox", "info", "key-round", "keyboard",
    "layers", "layout-dashboard", "list-checks", "log-out", "menu", "message-square", "monitor", "moon", "octagon-x",
    "panel-left", "pause", "pencil", "play", "plug", "plus", "redo-2", "refresh-cw", "repeat", "rocket", "save", "search",
    "server", "settings", "shuffle", "sliders-horizontal", "square", "sun", "timer", "trash-2", "triangle-alert",
    "undo-2", "upload", "user", "webhook", "workflow", "x", "zap",
]  # fmt: skip
ICONS: tuple[Icon, ...] = get_args(Icon)


@functools.cache
def icon(name: Icon, *, size: int = 16) -> Markup:
    """Return an icon. It says nothing to a screen reader: the words beside it do. `size`: pixels.

    It is made once: a page has hundreds of them, and they are a third of its elements.
    """
    return Markup(
        h.svg(".i", width=size, height=size, aria_hidden="true", focusable="false")[
            h.Element("use")(href=f"{asset('icons.svg')}#{name}")
        ]
    )


def brand() -> h.Element:
    """Return Krawall's mark: a voice that grows loud."""
    return h.svg(".mark", viewBox="0 0 24 24", width=24, height=24, aria_hidden="true", focusable="false")[
        h.Element("rect")(width=24, height=24, rx=7, fill="currentColor"),
        h.Element("path")(d="M6 10.5v3M9 9v6M12 5v14M15 8v8M18 10.5v3", fill="none", class_="voice"),
    ]
