"""The parts that charts are drawn from: slots of time, scales, lines, bars, grid and the figure round them. Strings only.

A plot is as wide as its place: positions across are percent (in the stretched inner drawing thousandths), positions down
are pixels, and labels hang outside the plot in the padding of its frame. So type keeps its size at every width.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from krawall.conduct.axes import Axis, Tick
from krawall.conduct.markup import Html, el, join
from krawall.model.summary import Point

MOST = 300
"""Marks across a chart; longer sessions are drawn in slots of several seconds."""

STYLE = """
.chart { margin: 0; break-inside: avoid }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; padding: 12px 16px; border-bottom: 1px solid var(--line) }
.chart figcaption h3 { margin-right: auto } .keys { display: flex; flex-wrap: wrap; gap: 2px 14px }
.key { display: inline-flex; align-items: center; gap: 6px; font-size: 12.5px; line-height: 20px; color: var(--muted); white-space: nowrap }
.key i { width: 14px; height: 0; border-top: 3px solid var(--c); border-radius: 2px } .key i.dotted { border-top-style: dotted }
.frame { padding: 20px 28px 34px 72px } .frame.two { padding-right: 56px }
.plot, .plot svg { overflow: visible } .plot { display: block; width: 100% }
.plot text { font: 500 11px var(--sans); fill: var(--muted); font-variant-numeric: tabular-nums }
.plot .end { text-anchor: end } .plot .mid { text-anchor: middle } .plot .mark text { fill: var(--text); font-weight: 600 }
.plot .grid { stroke: var(--line) } .plot .mark line { stroke: var(--text); stroke-dasharray: 3 3 }
.plot .ln { fill: none; stroke: var(--c); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke }
.plot .dotted { stroke-dasharray: 1 5; stroke-width: 2.25 } .plot .soft { fill: var(--c); opacity: .13 } .plot .bar { fill: var(--c) }
.plot .hot { fill: transparent } .plot .hot:hover { fill: var(--text); opacity: .1 }
.s-p50 { --c: var(--p50) } .s-p95 { --c: var(--p95) } .s-p99 { --c: var(--p99) }
.s-1 { --c: var(--c1) } .s-2 { --c: var(--c2) } .s-3 { --c: var(--c3) } .s-4 { --c: var(--c4) }
@media (max-width: 600px) { .plot .minor { display: none } .frame { padding-left: 68px } }
@media (forced-colors: active) { .plot, .key { forced-color-adjust: none } .plot text, .plot .mark text { fill: CanvasText } }
"""
"""Rules that every page with charts needs; colours are the variables of the design, so one picture serves both themes."""


@dataclass(frozen=True)
class Slot:
    """One or more seconds drawn as one mark. `point` holds sums of counts and the largest of users and percentiles."""

    start_s: float
    width_s: float
    point: Point


@dataclass(frozen=True)
class Series:
    """One line: its name, the class that colours it, one value per slot (None: a hole), dotted or not, step or not."""

    name: str
    paint: str
    values: list[float | None] = field(default_factory=list)
    dotted: bool = False
    step: bool = False


@dataclass(frozen=True)
class Scale:
    """The frame of a chart over time: its slots (at least one), the y axis and the height in pixels."""

    slots: list[Slot]
    axis: Axis
    height: int = 200

    @property
    def length_s(self) -> float:
        """Seconds from the start of the first slot to the end of the last."""
        return max(self.slots[-1].start_s + self.slots[-1].width_s - self.slots[0].start_s, 1e-9)

    def across(self, at_s: float) -> float:
        """Return the position of a moment, 0..1 of the width."""
        return (at_s - self.slots[0].start_s) / self.length_s

    def down(self, value: float) -> float:
        """Return the position of a value, pixels from the top."""
        return self.height * (1 - value / self.axis.end)


def slots(points: Sequence[Point], most: int = MOST) -> list[Slot]:
    """Return points, by time, as at most `most` slots. `at_s` of a point is the end of what it counts.

    A point that came late is a wide slot; pieces of a second, such as the last, join the slot before.
    """
    ordered = sorted(points, key=lambda p: p.at_s)
    if not ordered:
        return []
    first = ordered[0].at_s
    start = max(0.0, first - 1) if first > 0 else first - 1
    width = max(1, math.ceil((ordered[-1].at_s - start) / most - 0.01))
    groups: list[list[Point]] = [[]]
    begun = start
    for point in ordered:
        groups[-1].append(point)
        if point.at_s - begun >= width - 0.5:
            begun = point.at_s
            groups.append([])
    rest = groups.pop()
    if groups:
        groups[-1] += rest
    else:
        groups.append(rest)
    starts = [start, *(group[-1].at_s for group in groups)]
    return [Slot(at, group[-1].at_s - at, _merge(group)) for at, group in zip(starts, groups, strict=False)]


def line(scale: Scale, series: Series) -> Html:
    """Return the path of a series. A hole breaks it; a value alone is a dot."""
    paths = "".join(_path(_corners(scale, run, series.values, series.step)) for run in _runs(series.values))
    return el("path", class_=f"ln {series.paint}{' dotted' if series.dotted else ''}", d=paths)


def soft(scale: Scale, upper: Series, lower: Series | None = None) -> Html:
    """Return the soft fill between two series, or between a series and zero, where both are known."""
    floor: list[float | None] = lower.values if lower else [0.0] * len(upper.values)
    both = [u if f is not None else None for u, f in zip(upper.values, floor, strict=True)]
    area = ""
    for run in _runs(both):
        top = _corners(scale, run, upper.values, upper.step)
        bottom = _corners(scale, run, floor, upper.step)
        area += _path([*top, *reversed(bottom)]) + "Z"
    return el("path", class_=f"soft {upper.paint}", d=area)


def bars(scale: Scale, paint: str, values: list[float]) -> Html:
    """Return one bar per slot, from zero."""
    boxes = [
        f"M{1000 * scale.across(slot.start_s):.1f} {scale.height}V{scale.down(value):.1f}"
        f"h{900 * slot.width_s / scale.length_s:.2f}V{scale.height}Z"
        for slot, value in zip(scale.slots, values, strict=True)
        if value
    ]
    return el("path", class_=f"bar {paint}", d="".join(boxes))


def over_time(scale: Scale, marks: list[Tick], drawing: Html, tips: list[str]) -> Html:
    """Return the inside of a plot over time: grid, the stretched drawing, times below, a hover text per slot."""
    hot = [
        el("rect", el("title", f"{slot.start_s:.0f} s: {tip}"), class_="hot", x=percent(scale.across(slot.start_s)), y=0,
           width=percent(slot.width_s / scale.length_s), height=scale.height)
        for slot, tip in zip(scale.slots, tips, strict=True)
    ]  # fmt: skip
    box = f"0 0 1000 {scale.height}"
    stretched = el("svg", drawing, viewBox=box, width="100%", height=scale.height, preserveAspectRatio="none")
    return join(grid(scale.axis, scale.height), stretched, below(marks, scale.height), *hot)


def grid(axis: Axis, height: int) -> Html:
    """Return the horizontal lines of an axis with their labels to the left."""
    parts: list[Html] = []
    for tick in axis.ticks:
        y = round(height * (1 - tick.at)) + 0.5
        parts.append(el("line", class_="grid", x1=0, x2="100%", y1=y, y2=y))
        parts.append(el("text", tick.label, class_="end", x=-10, y=y + 4))
    return join(*parts)


def right(axis: Axis, height: int) -> Html:
    """Return the labels of a second axis, right of the plot."""
    return join(*(el("text", t.label, x="100%", dx=10, y=height * (1 - t.at) + 4) for t in axis.ticks))


def below(ticks: list[Tick], height: int) -> Html:
    """Return the labels of the axis across. On narrow screens every second one goes."""
    texts = (
        el("text", t.label, class_="mid minor" if i % 2 else "mid", x=percent(t.at), y=height + 18)
        for i, t in enumerate(ticks)
    )
    return join(*texts)


def figure(
    key: str, title: str, told: str, inside: Html, height: int, keys: Sequence[Series] = (), *, wide_right: bool = False
) -> Html:
    """Return a whole chart: caption with keys, and the plot with its role, title and text alternative.

    Args:
        key: makes ids; different for each chart of a page.
        title: states the measure.
        told: the text alternative, one or two sentences.
        inside: what `over_time` or the like drew.
        height: pixels.
        keys: the series to name in the caption.
        wide_right: leave room for a second axis.
    """
    named = join(el("title", title, id=f"{key}-title"), el("desc", told, id=f"{key}-desc"), inside)
    plot = el(
        "svg",
        named,
        class_="plot",
        height=height,
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
    )
    legend = [
        el("span", el("i", class_=f"{s.paint}{' dotted' if s.dotted else ''}"), s.name, class_="key") for s in keys
    ]
    frame = el("div", plot, class_="frame two" if wide_right else "frame")
    return el(
        "figure",
        el("figcaption", el("h3", title), el("span", *legend, class_="keys") if legend else None),
        frame,
        class_="chart card",
    )


def percent(part: float) -> str:
    """Return a share of the width as SVG wants it."""
    return f"{100 * part:.2f}%"


def _merge(group: list[Point]) -> Point:
    return Point(
        at_s=group[0].at_s,
        users=max(p.users for p in group),
        turns=sum(p.turns for p in group),
        errors=sum(p.errors for p in group),
        latency_p50=_worst(p.latency_p50 for p in group),
        latency_p95=_worst(p.latency_p95 for p in group),
        latency_p99=_worst(p.latency_p99 for p in group),
        ttft_p50=_worst(p.ttft_p50 for p in group),
        ttft_p95=_worst(p.ttft_p95 for p in group),
        tokens_out=sum(p.tokens_out for p in group),
        cost_usd=sum(p.cost_usd for p in group),
        kinds=dict(sum((Counter(p.kinds) for p in group), Counter[str]())),
        tokens_in=sum(p.tokens_in for p in group),
        cached=sum(p.cached for p in group),
        over_s=max(p.over_s for p in group),
    )


def _worst(values: Iterator[float | None]) -> float | None:
    return max((v for v in values if v is not None), default=None)


def _runs(values: list[float | None]) -> list[list[int]]:
    """Return the stretches of slots with known values."""
    runs: list[list[int]] = []
    for i, value in enumerate(values):
        if value is None:
            continue
        if runs and runs[-1][-1] == i - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def _corners(scale: Scale, run: list[int], values: list[float | None], step: bool) -> list[tuple[float, float]]:
    corners: list[tuple[float, float]] = []
    for i in run:
        slot, y = scale.slots[i], scale.down(values[i] or 0.0)
        ends = (0.0, slot.width_s) if step else (slot.width_s / 2,)
        corners += [(1000 * scale.across(slot.start_s + part), y) for part in ends]
    return corners


def _path(corners: list[tuple[float, float]]) -> str:
    pen = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return f"M{pen}h0" if len(corners) == 1 else f"M{pen}"
