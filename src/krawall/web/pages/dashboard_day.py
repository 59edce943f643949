"""The last 24 hours against the 24 before, as tiles. What few samples say is not shown as if it were sure. Pure."""

from __future__ import annotations

import htpy as h

from krawall.conduct.words import TOO_FEW, count, many, money, quantile, share
from krawall.model.base import PICO_PER_USD
from krawall.model.summary import Numbers
from krawall.services.overview import Dashboard
from krawall.web import ui


def day(found: Dashboard) -> h.Element:
    """Return the tiles."""
    now, before = found.day, found.day_before
    passed, judged = now.verdicts.get("passed", 0), sum(now.verdicts.values()) - now.verdicts.get("none", 0)
    return h.section(".stack", aria_label="Last 24 hours")[
        h.div(".row")[h.h2["Last 24 hours"], h.span(".muted")["against the 24 before"]],
        ui.tiles(
            ui.tile("Messages", count(now.turns), note=f"in {many(now.conversations, 'conversation')}", delta=delta(now.turns, before.turns)),
            _time("Response time, p95", found.times.latency, found.times_before.latency),
            _time("First token, p95", found.times.ttft, found.times_before.ttft),
            ui.tile(
                "Errors", share(now.errors, now.turns), note=f"{count(now.errors)} of {many(now.turns, 'message')}",
                delta=delta(_rate(now.errors, now.turns), _rate(before.errors, before.turns), "lower"),
            ),
            ui.tile("Cost", money(now.cost_pico / PICO_PER_USD), note=_each(now.cost_pico, now.turns), delta=delta(now.cost_pico, before.cost_pico, "lower")),
            ui.tile(
                "Sessions", count(now.sessions), note=f"{count(passed)} of {count(judged)} judged passed" if judged else "none judged yet",
                delta=delta(now.sessions, before.sessions),
            ),
        ),
    ]  # fmt: skip


def _time(label: str, now: Numbers | None, before: Numbers | None) -> h.Element:
    """Return a tile of a p95; with its change where both days have samples enough."""
    said = quantile(now, "p95") if now else ""
    if now is None or said == TOO_FEW:
        return ui.tile(label, "–", note=f"too few: {many(now.count, 'sample')}" if now else "nothing measured")
    change = delta(now.p95, before.p95, "lower") if before and quantile(before, "p95") != TOO_FEW else None
    return ui.tile(label, said, note=f"of {many(now.count, 'reply') if now.count == 1 else f'{count(now.count)} replies'}", delta=change)  # fmt: skip


def delta(now: float, before: float, better: ui.Better = "neither") -> ui.Delta | None:
    """Return the change, when there was something before and it is more than nothing."""
    if not before or abs(now - before) / before < 0.005:
        return None
    ratio = now / before
    text = f"{ratio:,.0f} times" if ratio >= 10 else f"{abs(ratio - 1):.0%}".replace("%", " %")
    return ui.Delta(text, now > before, better)


def _each(pico: int, turns: int) -> str | None:
    """Return what a message cost, so that a day with more of them is not mistaken for a dearer one."""
    return f"{money(pico / PICO_PER_USD / turns)} a message" if turns else None


def _rate(errors: int, turns: int) -> float:
    return errors / turns if turns else 0.0
