"""What things stand on: headers of pages, cards, tiles, empty places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import htpy as h

from krawall.web.ui.icons import Icon, icon

Better = Literal["higher", "lower", "neither"]


def page_header(title: str, *, about: h.Node = None, marks: h.Node = None, actions: h.Node = None) -> h.Element:
    """Return the top of a page: its one h1, what state it is in, what can be done. One primary button at most."""
    return h.div(".head")[
        h.div(".headline")[h.h1[title], marks, about is not None and h.p(".muted")[about]],
        actions is not None and h.div(".actions")[actions],
    ]


def card(
    title: str = "", *content: h.Node, aside: h.Node = None, flush: bool = False, id: str = "", level: int = 2
) -> h.Element:
    """Return a card. `aside` stands opposite the title; `flush` lets the content touch the edges, as tables do."""
    heading = {2: h.h2, 3: h.h3}[level]
    return h.section(".card", id=id or None)[
        title and h.header[heading[title], aside is not None and h.div(".aside")[aside]],
        content if flush else h.div(".in")[content],
    ]


@dataclass(frozen=True)
class Delta:
    """A difference to the time before, in words such as `+12 %`. `better`: which direction is good news."""

    text: str
    rising: bool
    better: Better = "neither"
    than: str = "than the 24 h before"


def tile(
    label: str, value: str, unit: str = "", *, note: h.Node = None, delta: Delta | None = None, live: str = ""
) -> h.Element:
    """Return one number with its name and unit. `live`: the name by which a stream fills it in."""
    return h.div(".tile")[
        h.span(".name")[label],
        h.span(".value")[h.span(data_live_value=live or None)[value], unit and h.small[unit]],
        _delta(delta) if delta else None,
        note is not None and h.span(".note")[note],
    ]


def tiles(*each: h.Node) -> h.Element:
    """Return tiles side by side."""
    return h.div(".tiles")[each]


def _delta(delta: Delta) -> h.Element:
    good = delta.better != "neither" and (delta.better == "higher") is delta.rising
    tone = "" if delta.better == "neither" else "ok" if good else "bad"
    words = "" if delta.better == "neither" else " (better)" if good else " (worse)"
    return h.span(class_=f"delta {tone}".strip())[
        icon("arrow-up" if delta.rising else "arrow-down", size=12), delta.text, h.span(".sr")[f"{words} {delta.than}"]
    ]


def empty(sentence: str, action: h.Node = None, symbol: Icon = "inbox", title: str = "") -> h.Element:
    """Return what stands where nothing is yet: one sentence on what belongs here, one button that makes it."""
    return h.div(".empty")[h.span(".ring")[icon(symbol, size=20)], title and h.strong[title], h.p[sentence], action]


def facts(*pairs: tuple[str, h.Node]) -> h.Element:
    """Return names with their values, such as the settings of a target."""
    return h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in pairs]]


def notice(
    text: h.Node, tone: Literal["info", "warn", "bad", "ok"] = "info", action: h.Node = None, title: str = ""
) -> h.Element:
    """Return a remark inside a page that stays as long as it holds."""
    symbols: dict[str, Icon] = {"info": "info", "warn": "triangle-alert", "bad": "circle-alert", "ok": "circle-check"}
    return h.div(class_=f"notice {tone}", role="note")[
        icon(symbols[tone], size=18), h.div(".words")[title and h.strong[title], h.div[text]], action
    ]


def progress(done: float, most: float, label: str) -> h.Element:
    """Return a bar. `label` says what it measures."""
    return h.progress(value=f"{done:g}", max=f"{most:g}", aria_label=label)
