"""Scales of a chart: round tick values and their labels. Pure arithmetic, no SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """One mark of an axis: where (0..1 along the axis) and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """An axis from 0 to `end` with its ticks."""

    end: float
    ticks: list[Tick]


def step_of(top: float, marks: int = 4) -> float:
    """Return the step of an axis that holds `top` in about `marks` steps of 1, 2, 2.5 or 5 times a power of ten."""
    raw = top / marks
    power = 10.0 ** math.floor(math.log10(raw))
    return next((m * power for m in (1, 2, 2.5, 5) if m * power >= raw * 0.999), 10 * power)


def times(top_ms: float) -> Axis:
    """Return an axis of times: ms under 10 s, then s."""
    step = step_of(top_ms if top_ms > 0 else 1.0)
    scale, unit = (1000.0, "s") if top_ms > 10_000 else (1.0, "ms")
    return _axis(top_ms, step, lambda v: f"{_short(v / scale)} {unit}")


def counts(top: float, unit: str = "") -> Axis:
    """Return an axis of whole things or rates; steps are never below 1."""
    step = max(1.0, step_of(top if top > 0 else 1.0))
    return _axis(top, 3.0 if step == 2.5 else step, lambda v: f"{_short(v)}{unit}")


def dollars(top: float) -> Axis:
    """Return an axis of US dollars, with the digits that its steps need and at least two."""
    step = step_of(top if top > 0 else 1.0)
    digits = max(2, -math.floor(math.log10(step)) + (1 if f"{step:.1e}".startswith("2.5") else 0))
    return _axis(top, step, lambda v: f"${v:,.{digits}f}")


def seconds(start_s: float, end_s: float) -> list[Tick]:
    """Return the ticks of a time axis: seconds, then minutes, then hours, as the step between them is."""
    length = max(end_s - start_s, 1e-9)
    steps = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    step = next((s for s in steps if length / s <= 9), 86400 * math.ceil(length / 86400 / 9))
    first = math.ceil(start_s / step - 1e-9)
    last = math.floor(end_s / step + 1e-9)
    return [Tick((i * step - start_s) / length, _moment(i * step, step)) for i in range(first, last + 1)]


def decades(low_ms: float, high_ms: float) -> list[Tick]:
    """Return the ticks of a log axis of times: 1, 2 and 5 of each power of ten, only 1 when it spans more than three."""
    wide = math.log10(high_ms / low_ms) > 3
    powers = range(math.floor(math.log10(low_ms)) - 1, math.ceil(math.log10(high_ms)) + 1)
    marks = [m * 10.0**power for power in powers for m in ((1,) if wide else (1, 2, 5))]
    return [
        Tick(math.log(m / low_ms) / math.log(high_ms / low_ms), _log_label(m)) for m in marks if low_ms <= m <= high_ms
    ]


def _axis(top: float, step: float, label: Callable[[float], str]) -> Axis:
    steps = max(1, math.ceil(top / step * 0.999))
    ticks = [Tick(i / steps, label(i * step) if i else "0") for i in range(steps + 1)]
    return Axis(steps * step, ticks)


def _log_label(ms: float) -> str:
    return f"{_short(ms / 1000)} s" if ms >= 10_000 else f"{_short(ms)} ms"


def _short(value: float) -> str:
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return text or "0"


def _moment(at_s: float, step: float) -> str:
    if at_s == 0:
        return "0"
    if step < 60:
        return f"{at_s:.0f} s"
    return f"{at_s / 60:.0f} min" if step < 3600 else f"{at_s / 3600:.0f} h"
