"""The start form: which scenario against which target, how much, what it may cost at most; beside it what to expect. And Quick Execute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import htpy as h

from krawall.conduct.words import count, lasting, money
from krawall.services.estimating import Estimate
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.pages.session_order import CLOSED, OPEN

TIERS = {"loopback": "on this machine", "private": "on a private network", "public": "on the internet"}


@dataclass(frozen=True)
class Offer:
    """What can be chosen: value and words. `templates`: scenarios that nobody has kept yet."""

    targets: Sequence[tuple[str, str]]
    scenarios: Sequence[tuple[str, str]]
    templates: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Order:
    """A form as it stands: texts, what is wrong with them, and what they would take."""

    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    estimate: Estimate | None = None

    def of(self, name: str) -> str:
        """Return the text of a field."""
        return self.values.get(name, "")


def start_page(frame: Frame, order: Order, offer: Offer) -> h.Element:
    """Return the page of the start form. A script takes `#start` or `#estimate` alone out of it."""
    return ui.page(
        frame,
        "New session",
        ui.page_header("New session", about="Play a scenario against a target and measure it. Nothing is sent before you press Start."),
        ui.form(
            "/sessions/new",
            h.div(".split")[h.div(".stack")[_what(order, offer), _how_much(order), _caps(order), _more(order)], h.div(".beside")[_estimate(order)]],
            id="start", more={"hx-select": "#start"},
        ),
        crumbs=[("Sessions", "/sessions"), ("New", "")],
        sheets=["session.css"],
    )  # fmt: skip


def _text(order: Order, label: str, name: str, *, help: h.Node = None, kind: ui.Input = "text") -> h.Element:
    return ui.field(label, name, order.of(name), kind=kind, help=help, error=order.errors.get(name, ""))


def _what(order: Order, offer: Offer) -> h.Element:
    scenarios = [
        ("", "Choose one"),
        *offer.scenarios,
        *((value, f"Template: {words}") for value, words in offer.templates),
    ]
    targets = [("", "As the scenario says"), *offer.targets]
    none = h.p(".help")["There is no target yet. ", h.a(".text", href="/targets/new")["Make the first one"], "."]
    return ui.card(
        "What is played",
        h.div(".form")[
            ui.problems(order.problems, "This cannot start yet"),
            h.div(".pair")[
                ui.select("Scenario", "scenario", scenarios, order.of("scenario"), error=order.errors.get("scenario", ""), required=True),
                ui.select("Target", "target", targets, order.of("target"), error=order.errors.get("target", ""), required=True,
                          help=None if offer.targets else none),
            ],
        ],
    )  # fmt: skip


def _how_much(order: Order) -> h.Element:
    kinds = [
        ui.Choice("", "As the scenario says", "Its own load, or one user for one conversation", "workflow"),
        ui.Choice(CLOSED, "Users", "So many people who talk one conversation after another", "user"),
        ui.Choice(OPEN, "Arrivals", "So many new conversations each second, come what may", "zap"),
    ]
    return ui.card(
        "Load",
        h.div(".form.load")[
            ui.choices("How conversations begin", "load", kinds, order.of("load"), error=order.errors.get("load", "")),
            h.div(".pair")[
                h.div(".of-users")[_text(order, "Users at a time", "users", kind="number")],
                h.div(".of-rate")[_text(order, "Arrivals", "rate", help="Such as 5/s or 90/min.")],
                _text(order, "For how long", "duration", help="Such as 30s or 10m. Left empty: as the scenario says."),
                _text(order, "Conversations at most", "conversations", kind="number"),
            ],
        ],
    )


def _caps(order: Order) -> h.Element:
    return ui.card(
        "Caps",
        h.div(".form")[
            h.p(".help")["The session ends when one of them is reached. Left empty: as the scenario says, else the defaults, such as $5.00."],
            h.div(".pair")[
                _text(order, "Cost, US dollars", "cap-cost"),
                _text(order, "Time", "cap-duration", help="Such as 15m."),
                _text(order, "Requests", "cap-requests", kind="number"),
                _text(order, "Tokens", "cap-tokens", kind="number"),
            ],
        ],
    )  # fmt: skip


def _more(order: Order) -> h.Element:
    opened = any(order.of(name) or name in order.errors for name in ("name", "seed", "shards", "thresholds"))
    rules = "One on each line, such as p95(latency) < 2s. They take the place of the scenario's."
    return ui.card(
        "",
        h.details(".more.alone", open=opened)[
            h.summary[ui.icon("chevron-right"), "More settings"],
            h.div(".form")[
                _text(order, "Name", "name", help="Left empty: the scenario's."),
                ui.field("Thresholds", "thresholds", order.of("thresholds"), kind="area", rows=3, code=True, help=rules,
                         error=order.errors.get("thresholds", "")),
                h.div(".pair")[
                    _text(order, "Seed", "seed", kind="number", help="The same seed draws the same users, delays and data."),
                    _text(order, "Engine processes", "shards", kind="number", help="Left empty: as many as the load needs."),
                ],
            ],
        ],
    )  # fmt: skip


def _estimate(order: Order) -> h.Element:
    """Return what to expect. It asks again by itself while the form is filled in."""
    ask: dict[str, str | bool | None] = {
        "hx-post": "/sessions/estimate", "hx-target": "#estimate", "hx-select": "#estimate", "hx-swap": "outerMorph",
        "hx-include": "#start", "hx-trigger": "input from:#start delay:250ms", "hx-sync": "this:replace", "id": "estimating",
    }  # fmt: skip
    start = ui.button("Start session", kind="primary", symbol="play", submit=True)
    again = h.button({"class": "btn", "type": "submit", "formaction": "/sessions/estimate", "data-unscripted": True})[
        "Estimate"
    ]
    return h.div(ask)[
        ui.card("What to expect", h.div({"id": "estimate", "class": "stack", "aria-live": "polite"})[_expected(order)], h.div(".row.foot")[start, again])
    ]  # fmt: skip


def _expected(order: Order) -> h.Node:
    found = order.estimate
    if found is None:
        wrong = [*order.problems, *order.errors.values()]
        words = "Something is not right yet." if wrong else "Choose a scenario to see what it takes."
        return [h.p(".muted")[words], bool(wrong) and h.ul(".reasons")[[h.li[each] for each in wrong]]]
    unknown = "only time ends it"
    cost = "no prices known" if found.cost_usd is None else f"about {money(found.cost_usd)}"
    tokens = None if found.tokens_in is None or found.tokens_out is None else (found.tokens_in, found.tokens_out)
    return [
        found.refused and ui.notice(found.refused[:1].upper() + found.refused[1:], "bad", title="It would not start"),
        ui.facts(
            ("Conversations", unknown if found.conversations is None else count(found.conversations)),
            ("Messages", unknown if found.messages is None else _most(count(found.messages), found.most_messages)),
            ("Time", unknown if found.duration_s is None else f"about {lasting(found.duration_s)}"),
            ("Tokens", f"{count(tokens[0])} in, {count(tokens[1])} out" if tokens else unknown),
            ("Cost", [cost, h.small(".muted.block")[_never_more(found)]]),
            ("Target", TIERS.get(found.tier or "", found.tier or "not chosen")),
        ),
        h.p(".help")[f"Taken for granted: replies of {found.reply_tokens} tokens that last {found.reply_s:g} s."],
    ]


def _never_more(found: Estimate) -> str:
    most = found.cost_cap_usd if found.most_cost_usd is None else min(found.most_cost_usd, found.cost_cap_usd)
    return f"never more than {money(most)}; the cap is {money(found.cost_cap_usd)}"


def _most(text: str, most: int | None) -> str:
    return text if most is None or text == count(most) else f"{text}, at most {count(most)}"


def quick_execute(offer: Offer) -> h.Element:
    """Return a card with two choices and Run, for the dashboard. What it lacks is asked for by the start form."""
    scenarios = [*offer.scenarios, *((value, f"Template: {words}") for value, words in offer.templates)]
    if not offer.targets:
        make = ui.button("New target", symbol="plus", href="/targets/new")
        return ui.card(
            "Quick execute", ui.empty("It plays a scenario against a target; there is no target yet.", make, "zap")
        )
    return ui.card(
        "Quick execute",
        ui.form(
            "/sessions/new",
            ui.select("Target", "target", offer.targets, offer.targets[0][0], required=True, id="quick-target"),
            ui.select("Scenario", "scenario", scenarios, scenarios[0][0] if scenarios else "", required=True, id="quick-scenario"),
            ui.button("Run", kind="primary", symbol="play", submit=True),
            h.button({"class": "btn", "type": "submit", "formaction": "/sessions/new", "formmethod": "get"})["Options"],
            partial=False, more={"class": "filters quick"},
        ),
    )  # fmt: skip
