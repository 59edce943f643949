"""Conversations on pages about scenarios: as they will be said, and as one was played. And what a session of them will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import htpy as h

from krawall.conduct.words import count, lasting, many, money, time
from krawall.services.estimating import Estimate
from krawall.services.rehearsal import Message, Rehearsed
from krawall.services.replaying import Replay, Turn
from krawall.web import ui
from krawall.web.pages.conversation_timeline import clock, tone_of
from krawall.web.pages.conversation_turns import heard, marks, silence
from krawall.web.pages.session_finished import facts_name

Way = Callable[[str], str]
"""A place in the scenario (`steps.0.steps.1`) -> the address that shows the step, "" for none."""
SHEETS = ("replay.css", "scenarios.css")
"""Style sheets of a page that shows one."""


def _nowhere(step: str) -> str:
    return ""


def rehearsed(each: Rehearsed, way: Way = _nowhere, *, level: int = 3) -> h.Element:
    """Return what one conversation will say. Replies are not known before; their places are marked."""
    facts = [many(len(each.prompts), "message"), f"{lasting(each.think_s)} of pauses" if each.think_s >= 0.05 else ""]
    end = f"It is shown as far as it was rehearsed: {each.ended}." if each.ended else ""
    return ui.card(
        f"Conversation {each.number + 1}",
        h.ol(".talk", aria_label=f"Conversation {each.number + 1}")[[_message(message, way) for message in each.messages]]
        if each.messages
        else h.p(".in.muted")["It says nothing."],
        end and h.p(".in.muted")[end],
        aside=", ".join(fact for fact in facts if fact),
        flush=True,
        level=level,
    )  # fmt: skip


def _message(message: Message, way: Way) -> h.Element:
    if message.role == "system":
        return h.li(".turn")[
            h.div(".says.system")[
                h.p(".speaker")[h.strong["System prompt"]],
                h.p(".text")[message.text],
            ]
        ]
    return h.li(".turn")[
        h.div(".says.user")[
            h.p(".speaker")[h.strong["User"], _step(message.step, way)],
            h.p(".text")[message.text or h.em["An empty message"]],
        ]
    ]


def _step(step: str, way: Way) -> h.Node:
    href, words = way(step), facts_name(step)
    return h.a(href=href)[words] if href else h.span[words]


# played ----------------------------------------------------------------------------------------------------------------


def played(found: Replay, way: Way = _nowhere) -> h.Element:
    """Return a conversation that was played, turn by turn with its times."""
    return h.ol(".talk", aria_label="Turns")[[_turn(turn, way) for turn in found.turns]]


def numbers(found: Replay) -> h.Element:
    """Return what the conversation took as a whole."""
    lasts = [turn.attempts[-1] for turn in found.turns]
    slowest = max((each.latency_ms for each in lasts if each.latency_ms is not None), default=None)
    checks = [check for turn in found.turns for check in turn.checks]
    held = sum(check.ok for check in checks)
    return ui.tiles(
        ui.tile("Turns", count(len(found.turns)), note=f"in {lasting(found.duration_ms / 1000)}"),
        ui.tile("Slowest reply", time(slowest) if slowest is not None else "none"),
        ui.tile("Errors", count(sum(each.error is not None for each in lasts)), note=f"of {many(len(lasts), 'turn')}"),
        ui.tile("Checks", f"{held} of {len(checks)}" if checks else "none", note="held" if checks else "nothing is expected"),
        ui.tile("Tokens", count(found.tokens_in + found.tokens_out), note=f"{count(found.tokens_in)} in, {count(found.tokens_out)} out"),
    )  # fmt: skip


def _turn(turn: Turn, way: Way) -> h.Element:
    return h.li(class_=f"turn {tone_of(turn)}".strip())[
        silence(turn),
        h.div(".says.user")[
            h.p(".speaker")[h.strong["User"], h.span(".num")[_step(turn.step, way), f", {clock(turn.begin_ms)}"]],
            h.p(".text")[turn.said or h.em["An empty message"]],
        ],
        h.div(".says.target")[
            h.p(".speaker")[h.strong["Mock bot"], h.span(".num")[clock(turn.end_ms)]],
            heard(turn),
            _took(turn),
            marks(turn),
        ],
    ]


def _took(turn: Turn) -> h.Element:
    last = turn.attempts[-1]
    pairs = [
        ("Took", time(last.latency_ms) if last.latency_ms is not None else "no reply"),
        ("First token", time(last.ttft_ms) if last.ttft_ms is not None else ""),
        ("Tokens", f"{count(last.tokens_in or 0)} in, {count(last.tokens_out or 0)} out" if last.tokens_in else ""),
    ]
    return h.dl(".turnfacts")[[h.div[h.dt[name], h.dd[value]] for name, value in pairs if value]]


# what it takes ---------------------------------------------------------------------------------------------------------


def takes(found: Estimate) -> h.Element:
    """Return what a session will take."""
    unknown = "only time ends it"
    tokens = [found.tokens_in, found.tokens_out]
    pairs: Sequence[tuple[str, str]] = [
        ("Conversations", unknown if found.conversations is None else count(found.conversations)),
        ("Messages", unknown if found.messages is None else _most(found)),
        ("Time", unknown if found.duration_s is None else f"about {lasting(found.duration_s)}"),
        ("Tokens", unknown if None in tokens else f"about {count(tokens[0] or 0)} in, {count(tokens[1] or 0)} out"),
        ("Cost", "no prices known" if found.cost_usd is None else f"about {money(found.cost_usd)}"),
        ("Cap", f"{money(found.cost_cap_usd)} at most"),
    ]
    return ui.facts(*pairs)


def _most(found: Estimate) -> str:
    most, text = found.most_messages, count(found.messages or 0)
    return text if most is None or text == count(most) else f"{text}, at most {count(most)}"
