"""The whole page: what stands in its head, the sidebar, the top bar, its content, and what lies over it. Written once for all pages."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h
from markupsafe import Markup

from krawall.web.answers import EARLY
from krawall.web.assets import asset
from krawall.web.frame import Frame
from krawall.web.ui.actions import button
from krawall.web.ui.icons import Icon, icon
from krawall.web.ui.keys import Key
from krawall.web.ui.keys import keys as keyboard
from krawall.web.ui.navigation import sidebar
from krawall.web.ui.overlays import opens, toast
from krawall.web.ui.palette import palette
from krawall.web.ui.texts import breadcrumb

HTMX = '{"noSwap":[204,304,"5xx"],"includeIndicatorCSS":false,"history":"reload","defaultTimeout":30000}'
SCRIPTS = ("app.js", "keys.js", "palette.js")
_THEMES: tuple[tuple[str, str, Icon], ...] = (
    ("", "System", "monitor"),
    ("light", "Light", "sun"),
    ("dark", "Dark", "moon"),
)


def page(
    frame: Frame,
    title: str,
    *content: h.Node,
    crumbs: Sequence[tuple[str, str]] = (),
    live: bool = False,
    chart: bool = False,
    scripts: Sequence[str] = (),
    sheets: Sequence[str] = (),
    keys: Sequence[Key] = (),
) -> h.Element:
    """Return a page. `title` is also its last crumb when there are none.

    `live`: parts of it follow what changes; `chart`: it draws with uPlot; `scripts`, `sheets`: modules and style sheets of its own; `keys`: what can be pressed here alone.
    """
    own = [*SCRIPTS, *["live.js"] * live, *scripts]
    return h.html(lang="en")[
        _head(title, own, chart, sheets),
        h.body(
            data_live="/api/v1/events" if live else None,
            data_after=str(frame.after) if live and frame.after is not None else None,
        )[
            h.a(".skip", href="#main")["Skip to content"],
            h.div(".shell")[
                sidebar(frame),
                h.div(".column")[_top(crumbs or [(title, "")]), h.main(".page", id="main", tabindex="-1")[content]],
            ],
            palette(),
            keyboard(keys),
            h.div(".toasts", id="toasts", popover="manual", role="status", aria_live="polite")[
                frame.told and toast(frame.told)
            ],
            h.div(".busybar", id="busy", aria_hidden="true"),
        ],
    ]


def bare_page(title: str, *content: h.Node) -> h.Element:
    """Return a page without sidebar and top bar, for whoever is not logged in."""
    return h.html(lang="en")[
        _head(title, ["app.js"], False),
        h.body(".bare")[
            h.main(".alone", id="main")[content], h.div(".toasts", id="toasts", popover="manual", role="status")
        ],
    ]


def _head(title: str, scripts: Sequence[str], chart: bool, sheets: Sequence[str] = ()) -> h.Element:
    return h.head[
        h.meta(charset="utf-8"),
        h.meta(name="viewport", content="width=device-width, initial-scale=1"),
        h.title[f"{title} · Krawall" if title != "Krawall" else title],
        h.meta(name="color-scheme", content="light dark"),
        h.meta(name="htmx-config", content=HTMX),
        h.link(rel="preload", href=asset("inter.woff2"), as_="font", type="font/woff2", crossorigin="anonymous"),
        h.script[Markup(EARLY)],  # ours, and named by the policy
        h.link(rel="stylesheet", href=asset("app.css")),
        [h.link(rel="stylesheet", href=asset(name)) for name in [*["uplot.css"] * chart, *sheets]],
        h.link(rel="icon", href=asset("mark.svg"), type="image/svg+xml"),
        h.script(src=asset("htmx.js"), defer=True),
        chart and h.script(src=asset("uplot.js"), defer=True),
        [h.script(src=asset(name), type="module") for name in scripts],
    ]


def _top(crumbs: Sequence[tuple[str, str]]) -> h.Element:
    return h.header(".top")[
        h.button(".btn.ghost.bare.drawer", type="button", popovertarget="side", aria_label="Menu")[
            icon("menu", size=18)
        ],
        breadcrumb(crumbs),
        h.span(".grow"),
        h.button({**opens("palette"), "class": "search", "type": "button", "data-palette": True})[
            icon("search"), h.span["Search"], h.kbd(data_mac="⌘K", aria_hidden="true")["Ctrl K"]
        ],
        h.div(".menu")[
            button(
                "Theme",
                symbol="sun",
                bare=True,
                kind="ghost",
                more={"popovertarget": "themes", "aria-haspopup": "menu", "class": "btn ghost bare theme"},
            ),
            h.div(".items", id="themes", popover="auto", role="menu", aria_label="Theme")[
                [
                    h.button(
                        type="button",
                        role="menuitemradio",
                        aria_checked="true" if not value else "false",
                        data_theme_to=value,
                        tabindex="-1",
                    )[icon(symbol), words, icon("check")]
                    for value, words, symbol in _THEMES
                ]
            ],
        ],
        button("Keys", symbol="keyboard", bare=True, kind="ghost", key="?", more=opens("keys")),
        h.div(".tip", id="tip", popover="manual", role="tooltip"),
        h.div(".sr", id="said", role="status", aria_live="polite"),
    ]
