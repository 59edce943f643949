"""The places of the pages: what the sidebar, the palette and the keys know. A page appears here when it exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import htpy as h

from krawall.web.frame import Frame
from krawall.web.ui.actions import deed
from krawall.web.ui.icons import Icon, brand, icon


@dataclass(frozen=True)
class Area:
    """One place: its words, address and symbol. `key`: the letter after `g` that leads there; `says`: other words for it."""

    words: str
    href: str
    symbol: Icon
    key: str = ""
    says: str = ""


@dataclass(frozen=True)
class Group:
    """Places that belong together, under a heading or none."""

    heading: str
    areas: Sequence[Area]


GROUPS: tuple[Group, ...] = (
    Group("", (Area("Dashboard", "/", "layout-dashboard", "d", "home overview start"),)),
    Group(
        "Build",
        (
            Area("Targets", "/targets", "crosshair", "t", "chatbots bots endpoints"),
            Area("Scenarios", "/scenarios", "workflow", "c", "conversations flows templates"),
        ),
    ),
    Group("Run", (Area("Sessions", "/sessions", "play", "s", "runs results tests"),)),
)


@dataclass(frozen=True)
class Deed:
    """Something to do from anywhere, by the palette."""

    words: str
    href: str
    symbol: Icon
    says: str = ""


DEEDS: tuple[Deed, ...] = (Deed("New target", "/targets/new", "plus", "create add chatbot"),)


def here(area: Area, path: str) -> bool:
    """Whether a page belongs to a place."""
    return path == area.href if area.href == "/" else path == area.href or path.startswith(area.href + "/")


def sidebar(frame: Frame) -> h.Element:
    """Return the sidebar; a drawer where the window is narrow, a rail when it is collapsed."""
    return h.nav(".side", id="side", popover="auto", aria_label="Main")[
        h.a(".brand", href="/", aria_label="Krawall, dashboard")[brand(), h.span(".lbl")["Krawall"]],
        [_group(group, frame.path) for group in GROUPS],
        h.span(".grow"),
        _who(frame),
        h.button(
            ".fold",
            type="button",
            data_fold=True,
            data_key="[",
            aria_expanded="true",
            aria_controls="side",
            data_rail_tip="Expand",
        )[icon("panel-left"), h.span(".lbl")["Collapse"]],
    ]


def _group(group: Group, path: str) -> h.Node:
    links = [
        h.li[
            h.a(
                href=area.href,
                data_key=f"g {area.key}" if area.key else None,
                data_rail_tip=area.words,
                aria_current=("page" if path == area.href else "true") if here(area, path) else None,
            )[icon(area.symbol), h.span(".lbl")[area.words]]
        ]
        for area in group.areas
    ]
    return [group.heading and h.h2[group.heading], h.ul(aria_label=group.heading or "Start")[links]]


def _who(frame: Frame) -> h.Node:
    if frame.local or not frame.caller:
        return None
    return h.div(".who")[
        icon("user"),
        h.span(".lbl")[frame.caller],
        deed("/logout", "Log out", kind="ghost", symbol="log-out", small=True, bare=True),
    ]
