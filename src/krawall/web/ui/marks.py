"""Small marks: badges, the state and verdict of a session, tooltips, moments. Colour never says something alone."""

from __future__ import annotations

from typing import Literal

import htpy as h

from krawall.clock import iso
from krawall.model.base import NS_PER_S
from krawall.web.ui.icons import Icon, icon

Tone = Literal["plain", "ok", "warn", "bad", "info", "accent"]

WORDS: dict[str, tuple[str, Tone]] = {
    "queued": ("Queued", "plain"),
    "starting": ("Starting", "info"),
    "running": ("Running", "info"),
    "paused": ("Paused", "warn"),
    "stopping": ("Stopping", "warn"),
    "finished": ("Finished", "plain"),
    "completed": ("Completed", "ok"),
    "failed": ("Failed", "bad"),
    "cancelled": ("Cancelled", "plain"),
    "aborted": ("Aborted", "warn"),
    "passed": ("Passed", "ok"),
    "undecided": ("Undecided", "warn"),
    "invalid": ("Invalid", "bad"),
    "none": ("Not judged", "plain"),
    "ready": ("Ready", "ok"),
    "gone": ("Gone", "plain"),
    "lost": ("Lost", "bad"),
    "ended": ("Ended by the scenario", "plain"),
    "capped": ("Capped", "warn"),
    "abandoned": ("Abandoned", "warn"),
}
"""State, outcome or verdict of a session, outcome of a conversation -> its word and colour, the same everywhere."""
_MOVING = frozenset({"starting", "running", "stopping"})


def badge(text: str, tone: Tone = "plain", symbol: Icon | None = None) -> h.Element:
    """Return a word on a tint."""
    return h.span(class_=f"badge {tone}")[symbol and icon(symbol, size=12), text]


def status(word: str) -> h.Element:
    """Return a state, outcome or verdict as a dot and a word. What is unknown is shown as it is."""
    text, tone = WORDS.get(word, (word.replace("_", " ").capitalize(), "plain"))
    return h.span(class_=f"badge status {tone}", data_moving=word in _MOVING)[h.span(".dot", aria_hidden="true"), text]


def tooltip(text: str, tip: str) -> h.Element:
    """Return words with an explanation that hover and focus show."""
    return h.span(".tipped", data_tip=tip, tabindex="0", role="note", aria_label=f"{text}: {tip}")[text]


def when(ns: int | None, now_ns: int, never: str = "never") -> h.Node:
    """Return a moment as `3 min ago`; hover and focus show it in full, in the reader's own zone. `ns`: since 1970."""
    if ns is None:
        return h.span(".muted")[never]
    return h.time(datetime=iso(ns), data_tip=iso(ns)[:16].replace("T", " ") + " UTC")[ago(now_ns - ns)]


def ago(ns: int) -> str:
    """Return how long ago something was: `just now`, `42 s ago`, `3 min ago`, `5 h ago`, `2 days ago`; `in 3 min` for later."""
    seconds = abs(ns) / NS_PER_S
    if seconds < 5:
        return "just now"
    for size, word in ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            number = int(seconds // size)
            text = f"{number} {word}{'s' if word == 'day' and number != 1 else ''}"
            return f"{text} ago" if ns >= 0 else f"in {text}"
    return "just now"
