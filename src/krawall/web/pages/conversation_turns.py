"""The turns of a conversation as a chat: what was said and heard, when, at what price, and what was odd about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import htpy as h

from krawall.conduct.words import count, lasting, many, money, sentence, share, time
from krawall.services.replaying import Anomaly, Attempt, Replay, Turn
from krawall.web import ui
from krawall.web.pages.conversation_request import address, record_text
from krawall.web.pages.conversation_timeline import BAD, clock, place, tone_of
from krawall.web.pages.session_finished import facts_name
from krawall.web.pages.session_head import FAULTS

PAUSE_MS = 1000.0
"""A silence from this length on is shown between two turns."""
NEAR_MS = 0.5
Record = Mapping[str, Any]


def talk(found: Replay, records: Mapping[int, Sequence[Record]], at_ms: float) -> h.Element:
    """Return the turns in order. `records`: turn -> what the log has of it; `at_ms`: what is later waits for its time."""
    return h.ol(".talk", aria_label="Turns")[
        [
            _turn(turn, records.get(turn.number, ()), at_ms, address(found.session, found.conversation, turn.number))
            for turn in found.turns
        ]
    ]


def anomalies(found: Replay) -> h.Element:
    """Return what is out of the ordinary, each leading to its turn."""
    if not found.anomalies:
        return ui.card("Anomalies", h.p(".muted")["Nothing was slow, wrong or said twice."])
    ends = {turn.number: turn.end_ms for turn in found.turns}
    return ui.card(
        "Anomalies",
        h.ul(".odd")[[h.li[_odd(each, ends[each.turn])] for each in found.anomalies]],
        aside=count(len(found.anomalies)),
        flush=True,
    )


def _odd(each: Anomaly, end_ms: float) -> h.Element:
    tone = "bad" if each.kind in BAD else "warn"
    link = {
        "href": f"?{place(end_ms)}#turn-{each.turn}",
        "data-to": f"{end_ms:.3f}",
        "data-odd": sentence(each.words),
        "class": tone,
    }
    return h.a(link)[
        ui.icon("circle-alert" if tone == "bad" else "triangle-alert"),
        h.span(".words")[sentence(each.words), h.small[f"Turn {each.turn}, {clock(end_ms)}"]],
    ]


def _turn(turn: Turn, records: Sequence[Record], at_ms: float, raw: str) -> h.Element:
    last = turn.attempts[-1]
    times = {
        "data-begin": f"{turn.begin_ms:.3f}",
        "data-end": f"{turn.end_ms:.3f}",
        "data-state": f"{len(turn.attempts)} {len(turn.checks)} {len(turn.anomalies)}",
        "data-first": None if last.first_ms is None else f"{last.first_ms:.3f}",
    }
    ahead = " ahead" * (turn.begin_ms > at_ms + NEAR_MS) + " answering" * (
        turn.begin_ms <= at_ms + NEAR_MS < turn.end_ms
    )
    return h.li(times, class_=f"turn {tone_of(turn)}{ahead}".strip(), id=f"turn-{turn.number}", tabindex="-1")[
        silence(turn),
        h.div(".says.user")[
            h.p(".speaker")[h.strong["User"], h.span(".num")[f"Turn {turn.number}, {clock(turn.begin_ms)}"]],
            h.p(".text")[turn.said or h.em["No text was kept"]],
        ],
        h.p(".pending", aria_hidden="true")[h.i, h.i, h.i, h.span["waiting for the first token" if last.first_ms is not None else "waiting for the reply"]],
        h.div(".says.target")[
            h.p(".speaker")[h.strong["Target"], h.span(".num")[clock(turn.end_ms)]],
            heard(turn),
            _facts(turn, last),
            marks(turn),
            _attempts(turn),
            bool(turn.said) and _request(turn, raw),
            _record(turn, records),
        ],
    ]  # fmt: skip


def silence(turn: Turn) -> h.Node:
    """Return how long nobody said anything before a turn, where that is long."""
    if turn.wait_ms < PAUSE_MS:
        return None
    return h.p(".silence")[ui.icon("clock", size=13), f"{lasting(turn.wait_ms / 1000)} of silence"]


def heard(turn: Turn) -> h.Node:
    """Return what the target said, and why there is no more of it."""
    last = turn.attempts[-1]
    if last.error:
        why = FAULTS.get(last.error, last.error.replace("_", " ").capitalize())
        return [
            turn.heard and h.p(".text")[turn.heard],
            h.p(".wrong")[ui.icon("circle-x"), h.span[h.strong[why], last.detail and f": {last.detail}"]],
        ]
    return h.p(".text")[turn.heard or h.em["An empty reply"]]


def _facts(turn: Turn, last: Attempt) -> h.Element:
    about = "about " if last.estimated else ""
    pairs = [
        ("Took", time(last.latency_ms) if last.latency_ms is not None else "no reply"),
        ("First token", time(last.ttft_ms) if last.ttft_ms is not None else ""),
        ("Tokens", f"{about}{count(last.tokens_in or 0)} in, {count(last.tokens_out or 0)} out" if last.tokens_in or last.tokens_out else ""),
        ("Cost", money(sum(each.cost_usd for each in turn.attempts))),
        ("Status", str(last.status) if last.status is not None else ""),
        ("Same as before", share(turn.repetition, 1) if turn.repetition >= 0.5 else ""),
        ("Step", facts_name(turn.step).removeprefix("Step ")),
        ("Phase", turn.phase if turn.phase != "measure" else ""),
    ]  # fmt: skip
    return h.dl(".turnfacts")[[h.div[h.dt[name], h.dd[value]] for name, value in pairs if value]]


def marks(turn: Turn) -> h.Node:
    """Return the checks of a turn, and what is odd about it beyond its error and its checks, which stand there already."""
    odd = [each for each in turn.anomalies if each.kind not in ("error", "truncated", "check", "score")]
    if not odd and not turn.checks:
        return None
    return h.ul(".marks")[
        [h.li[ui.badge(sentence(each.words), "warn", "triangle-alert")] for each in odd],
        [
            h.li[ui.badge(f"{each.name} {'held' if each.ok else 'failed'}", "ok" if each.ok else "bad", "check" if each.ok else "x"), each.detail and h.small[each.detail]]
            for each in turn.checks
        ],
    ]  # fmt: skip


def _attempts(turn: Turn) -> h.Node:
    if len(turn.attempts) < 2:
        return None
    return h.details(".more")[
        h.summary[ui.icon("chevron-right"), many(len(turn.attempts), "attempt")],
        h.ol(".tries")[[h.li[_attempt(each)] for each in turn.attempts]],
    ]


def _attempt(each: Attempt) -> str:
    how = FAULTS.get(each.error, each.error) if each.error else "Answered"
    took = f" after {time(each.latency_ms)}" if each.latency_ms is not None else ""
    return f"{clock(each.sent_ms)} {how}{took}" + (f": {each.detail}" if each.detail else "")


def _request(turn: Turn, raw: str) -> h.Element:
    """Return where the request can be looked at; it is fetched when somebody opens it."""
    fetch = {
        "hx-get": raw,
        "hx-select": "#raw",
        "hx-target": "find .fetched",
        "hx-swap": "innerHTML",
        "hx-trigger": "toggle once",
    }
    return h.details(".more", fetch)[
        h.summary[ui.icon("chevron-right"), "Request"],
        h.div(".fetched")[h.a(".text", href=raw)[f"Show the request of turn {turn.number}"]],
    ]


def _record(turn: Turn, records: Sequence[Record]) -> h.Node:
    if not records:
        return None
    return h.details(".more")[
        h.summary[ui.icon("chevron-right"), "Log record"],
        ui.code(record_text(records), label=f"Log record of turn {turn.number}"),
    ]
