"""A conversation as a picture: a bar for each turn where it was on the conversation's own clock, with the real gaps between them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import htpy as h

from krawall.conduct import axes
from krawall.conduct.words import many, time
from krawall.services.replaying import AnomalyKind, Replay, Turn

Tone = Literal["", "warn", "bad"]

HEIGHT = 88
"""Pixels of the tallest bar; above it is room for a mark, below it for the axis."""
ABOVE = 16
LOWEST = 4
BAD: frozenset[AnomalyKind] = frozenset({"error", "truncated", "check", "score"})
_rect, _line, _text, _path, _group = (h.Element(name) for name in ("rect", "line", "text", "path", "g"))


def timeline(found: Replay, at_ms: float) -> h.Element:
    """Return the turns over time; `at_ms` is now. Every bar leads to its turn. Needs one turn."""
    span = max(found.duration_ms, 1.0)
    tallest = max(turn.end_ms - turn.begin_ms for turn in found.turns)
    thin = 6 if len(found.turns) <= 40 else 3 if len(found.turns) <= 120 else 2
    return h.figure(".timeline")[
        h.figcaption(".legend")[
            h.span[f"A bar for each turn, as high as it took: at most {time(tallest)}"],
            h.span[h.i(".tone"), "Turn"], h.span[h.i(".tone.warn"), "Slow, repeating or retried"], h.span[h.i(".tone.bad"), "Error, failed check or low score"],
        ],
        h.svg(height=ABOVE + HEIGHT + 24, role="group", aria_label=f"Timeline: {many(len(found.turns), 'turn')} in {time(found.duration_ms)}")[
            _group(aria_hidden="true")[
                _line(class_="base", x1="0", x2="100%", y1=ABOVE + HEIGHT, y2=ABOVE + HEIGHT),
                [
                    _text(class_="minor" if number % 2 else None, x=_percent(tick.at), y=ABOVE + HEIGHT + 18, text_anchor="middle")[tick.label]
                    for number, tick in enumerate(_ticks(span))
                ],
            ],
            [_bar(turn, span, tallest, thin) for turn in found.turns],
            _line({"data-now": True}, class_="now", x1=_percent(at_ms / span), x2=_percent(at_ms / span), y1=0, y2=ABOVE + HEIGHT, aria_hidden="true"),
        ],
    ]  # fmt: skip


def tone_of(turn: Turn) -> Tone:
    """Return how a turn is marked: red when something was wrong, amber when something was odd."""
    kinds = {each.kind for each in turn.anomalies}
    return "bad" if kinds & BAD else "warn" if kinds else ""


def place(ms: float) -> str:
    """Return what the address says of a moment: `t=44.2`, seconds, never before it."""
    thousandths = -int(-ms // 1)
    return f"t={thousandths / 1000:.3f}".rstrip("0").rstrip(".")


def clock(ms: float) -> str:
    """Return a moment of the conversation: `0:04.2`, `12:30.0`."""
    tenths = int(ms // 100)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _bar(turn: Turn, span: float, tallest: float, thin: int) -> h.Element:
    took = turn.end_ms - turn.begin_ms
    tall = max(LOWEST, HEIGHT * took / tallest) if tallest else LOWEST
    top, tone = ABOVE + HEIGHT - tall, tone_of(turn)
    said = ", ".join(each.words for each in turn.anomalies)
    label = f"Turn {turn.number} at {clock(turn.begin_ms)}: {time(took)}" + (f", {said}" if said else "")
    link = {
        "href": f"?{place(turn.end_ms)}#turn-{turn.number}", "class": f"bar {tone}".strip(), "aria-label": label, "data-tip": label,
        "data-to": f"{turn.end_ms:.3f}", "data-bar": str(turn.number),
    }  # fmt: skip
    return h.svg(x=_percent(turn.begin_ms / span), overflow="visible")[
        h.a(link)[
            _rect(class_="reach", x=-1, y=0, width=max(thin + 2, 8), height=ABOVE + HEIGHT),
            _rect(class_="reach", y=0, width=_percent(took / span), height=ABOVE + HEIGHT),
            _rect(class_="fill", y=f"{top:.1f}", width=_percent(took / span), height=f"{tall:.1f}"),
            _rect(class_="fill", y=f"{top:.1f}", width=thin, height=f"{tall:.1f}", rx=min(2, thin // 2)),
            tone == "bad" and _path(class_="sign", d=f"M{thin / 2 - 3.5} {top - 11:.1f}l7 7m0 -7l-7 7"),
            tone == "warn" and _path(class_="sign full", d=f"M{thin / 2} {top - 12:.1f}l4.5 8h-9z"),
        ]
    ]


def _ticks(span: float) -> Sequence[axes.Tick]:
    if span >= 3000:
        return axes.seconds(0, span / 1000)
    axis = axes.times(span)
    return [
        axes.Tick(tick.at * axis.end / span, tick.label) for tick in axis.ticks if tick.at * axis.end <= span * 1.001
    ]


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.3f}%"
