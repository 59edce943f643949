"""The estimate bar: what a session of the draft takes, which caps hold, what is not known and why, and how many problems there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import htpy as h

from krawall.model.base import NS_PER_S, parse_duration, parse_size
from krawall.model.budget import Budget
from krawall.services.estimating import Estimate
from krawall.web import ui
from krawall.web.pages.builder_kinds import title_of
from krawall.web.pages.builder_view import FLOW, View, place

DEFAULTS = Budget()


def estimate_bar(view: View) -> h.Element:
    """Return the bar. It updates with each answer of the builder."""
    estimate = view.validation.estimate
    return h.section(".estimate", id="estimate", aria_label="What a session takes")[
        _unknown(view) if estimate is None else _figures(estimate, view.editing.draft.head),
        _problems(view),
    ]


def _unknown(view: View) -> h.Element:
    wrong = bool(view.problems or view.validation.errors)
    words = "What a session takes is known once nothing is wrong." if wrong else "What a session takes is not known."
    return h.p(".muted")[words]


def _figures(estimate: Estimate, head: Mapping[str, Any]) -> h.Element:
    budget = head.get("budget")
    caps: Mapping[str, Any] = budget if isinstance(budget, Mapping) else {}
    each = [
        ("Conversations", _count(estimate.conversations), "as long as time lets them" if estimate.conversations is None else _load(head)),
        ("Messages", _count(estimate.messages), _most(estimate)),
        ("Duration", duration(estimate.duration_s), f"at most {_seconds_cap(caps)}"),
        ("Tokens", _tokens(estimate), f"at most {short(_size_cap(caps))}"),
        ("Cost", money(estimate.cost_usd), _cost(estimate)),
    ]  # fmt: skip
    return h.dl[[h.div[h.dt[name], h.dd[h.b[value], h.small[note]]] for name, value, note in each]]


def _count(number: int | None) -> str:
    return "not known" if number is None else f"{number:,}"


def _load(head: Mapping[str, Any]) -> str:
    return "" if head.get("load") else "no load: one is played"


def _most(estimate: Estimate) -> str:
    if estimate.messages is None:
        return "time alone ends it"
    return "no upper bound" if estimate.most_messages is None else f"at most {estimate.most_messages:,}"


def _tokens(estimate: Estimate) -> str:
    if estimate.tokens_in is None or estimate.tokens_out is None:
        return "not known"
    return short(estimate.tokens_in + estimate.tokens_out)


def _cost(estimate: Estimate) -> str:
    cap = f"cap {money(estimate.cost_cap_usd)}"
    if estimate.cost_usd is None:
        return f"no target with prices; {cap}"
    return f"at most {money(estimate.most_cost_usd)}; {cap}"


def _seconds_cap(caps: Mapping[str, Any]) -> str:
    try:
        return duration(parse_duration(caps["duration"]) / NS_PER_S)
    except (KeyError, ValueError):
        return duration(DEFAULTS.duration / NS_PER_S)


def _size_cap(caps: Mapping[str, Any]) -> int:
    try:
        return parse_size(caps["tokens"])
    except (KeyError, ValueError):
        return DEFAULTS.tokens


def duration(seconds: float | None) -> str:
    """Return seconds as `40 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return "not known"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def short(number: int) -> str:
    """Return a count as `812`, `12.4k`, `3.1M`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return str(number)


def money(usd: float | None) -> str:
    """Return US dollars with as many places as say something."""
    if usd is None:
        return "not known"
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.2g}"


def _problems(view: View) -> h.Node:
    warnings = view.validation.warnings
    if not view.problems:
        told = [h.p(".warned")[ui.icon("triangle-alert", size=14), f"{each.path}: {each.message}"] for each in warnings]
        return told or h.p(".fine")[ui.icon("circle-check", size=14), "Nothing is wrong"]
    first, count = view.problems[0], len(view.problems)
    tab = FLOW if first.step else "settings"
    words = f"{count} problem{'s' if count != 1 else ''}"
    where = title_of(view.editing.draft.node(first.step).kind) if first.step else first.field
    return h.a(".wrong", href=place(view, tab=tab, step=first.step), id="first-problem")[
        ui.icon("circle-alert", size=14), h.b[words], h.span[f"{where}: {first.message}" if where else first.message]
    ]
