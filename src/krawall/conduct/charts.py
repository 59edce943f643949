"""The charts of a session: numbers to SVG, no I/O, no script. Each has a title that states its measure and a text alternative.

Axes start at 0 except the log axis of `spread`. A hole in the data stays a hole. Hover texts are `<title>` elements.
Every chart over time needs at least one point, `spread` at least one bucket with a count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from krawall.conduct import axes, plot, words
from krawall.conduct.markup import Html, el, join
from krawall.conduct.plot import Scale, Series, Slot
from krawall.model.summary import Point

STYLE = plot.STYLE
Bucket = tuple[float, float, int]
"""A histogram's bucket: from ms, to ms, count."""


def latency(points: Sequence[Point]) -> Html:
    """Draw response time over time: p50, p95 and p99 with soft fill between."""
    cut = plot.slots(points)
    values = [
        [s.point.latency_p50 for s in cut],
        [s.point.latency_p95 for s in cut],
        [s.point.latency_p99 for s in cut],
    ]
    return _percentiles("latency", "Response time", cut, ["p50", "p95", "p99"], values, 240)


def ttft(points: Sequence[Point]) -> Html:
    """Draw the time to the first token over time: p50 and p95."""
    cut = plot.slots(points)
    values = [[s.point.ttft_p50 for s in cut], [s.point.ttft_p95 for s in cut]]
    return _percentiles("ttft", "Time to first token", cut, ["p50", "p95"], values, 150)


def throughput(points: Sequence[Point]) -> Html:
    """Draw turns per second (left axis) and users (right axis, dotted) as steps."""
    cut = plot.slots(points)
    turns = [s.point.turns / s.width_s for s in cut]
    users = [s.point.users for s in cut]
    left, other = axes.counts(_most(turns), "/s"), axes.counts(_most(users))
    scale = Scale(cut, left)
    lines = [
        Series("Turns per second (left)", "s-1", [*turns], step=True),
        Series("Users (right)", "s-2", [u * left.end / other.end for u in users], dotted=True, step=True),
    ]
    tips = [f"{words.rate(t)} turns/s, {u} users" for t, u in zip(turns, users, strict=True)]
    drawing = join(plot.soft(scale, lines[0]), *(plot.line(scale, line) for line in lines))
    inside = join(_over_time(scale, drawing, tips), plot.right(other, scale.height))
    told = f"Turns per second reach {words.rate(_most(turns))}, users reach {_most(users):.0f}."
    return plot.figure("throughput", "Throughput and users", told, inside, scale.height, lines, wide_right=True)


def errors(points: Sequence[Point]) -> Html:
    """Draw errors as bars, one per second or slot."""
    cut = plot.slots(points)
    values = [float(s.point.errors) for s in cut]
    scale = Scale(cut, axes.counts(_most(values)))
    tips = [f"{s.point.errors} errors, {s.point.turns} turns" for s in cut]
    total, turns = sum(values), sum(s.point.turns for s in cut)
    told = f"{words.count(total)} errors beside {words.count(turns)} turns"
    if total:
        worst = max(cut, key=lambda s: s.point.errors)
        told += f"; most at {worst.start_s:.0f} s: {worst.point.errors}"
    none = None if total else el("text", "No errors", x="50%", y=scale.height / 2, class_="mid")
    inside = join(_over_time(scale, plot.bars(scale, "s-2", values), tips), none)
    return plot.figure("errors", f"Errors by {_each(cut)}", f"{told}.", inside, scale.height)


def cost(points: Sequence[Point], cap_usd: float | None = None) -> Html:
    """Draw money spent so far; the cap is a dotted line, or a sentence when it is too far away to draw to scale."""
    cut = plot.slots(points)
    spent: list[float] = []
    for slot in cut:
        spent.append((spent[-1] if spent else 0.0) + slot.point.cost_usd)
    near = cap_usd is not None and cap_usd <= 5 * spent[-1]
    scale = Scale(cut, axes.dollars(max(spent[-1], cap_usd or 0.0) if near else spent[-1]))
    lines = [Series("Spent", "s-1", [*spent])]
    title, told = "Cost so far, US dollars", f"{words.money(spent[-1])} spent in all"
    if cap_usd is not None:
        told += f", {words.share(spent[-1], cap_usd)} of the cap of {words.money(cap_usd)}"
        if near:
            lines.append(Series(f"Cap {words.money(cap_usd)}", "s-2", [cap_usd] * len(cut), dotted=True))
        else:
            title += f" (cap {words.money(cap_usd)}, far above)"
    drawing = join(plot.soft(scale, lines[0]), *(plot.line(scale, line) for line in lines))
    inside = _over_time(scale, drawing, [f"{words.money(value)} spent" for value in spent])
    return plot.figure("cost", title, f"{told}.", inside, scale.height, lines)


def spread(buckets: Sequence[Bucket], marks: dict[str, float]) -> Html:
    """Draw how many turns took how long, on a log axis. `marks` are quantiles by name, ms."""
    bins = rebin(buckets)
    low, high, height = bins[0][0], bins[-1][1], 200
    axis = axes.counts(max(n for _, _, n in bins))

    def across(ms: float) -> float:
        return math.log(ms / low) / math.log(high / low)

    boxes = [
        el("rect", el("title", f"{words.time(a)} to {words.time(b)}: {words.count(n)} turns"), class_="bar s-1", rx=1.5,
           x=plot.percent(across(a)), width=plot.percent(0.92 * (across(b) - across(a))),
           y=height * (1 - n / axis.end), height=height * n / axis.end)
        for a, b, n in bins if n
    ]  # fmt: skip
    flags: list[Html] = []
    for name, ms in marks.items():
        if low <= ms <= high:
            x = plot.percent(across(ms))
            rule = el("line", x1=x, x2=x, y1=0, y2=height)
            side = {0: "end", len(marks) - 1: None}.get(len(flags), "mid")  # near marks do not write over each other
            flags.append(el("g", rule, el("text", name, x=x, y=-6, class_=side), class_="mark"))
    inside = join(plot.grid(axis, height), *boxes, *flags, plot.below(axes.decades(low, high), height))
    told = ", ".join(
        [f"From {words.time(low)} to {words.time(high)}", *(f"{k} {words.time(v)}" for k, v in marks.items())]
    )
    return plot.figure("spread", "Spread of response time, turns (log axis)", f"{told}.", inside, height)


def rebin(buckets: Sequence[Bucket], bins: int = 44) -> list[tuple[float, float, float]]:
    """Return buckets as `bins` bins of equal width on a log axis, (from ms, to ms, count), counts kept in sum.

    A bucket that crosses bins is split by its share of the log axis, so that fine buckets make no comb.
    """
    filled = [(max(a, 1e-3), max(b, 1.001e-3), n) for a, b, n in buckets if n]
    low, high = min(a for a, _, _ in filled) * 0.97, max(b for _, b, _ in filled) * 1.03
    if high < 5 * low:  # less would leave the axis without marks
        low, high = low / 2, high * 2
    width = math.log(high / low) / bins
    out = [0.0] * bins
    for a, b, n in filled:
        start, stop = math.log(a / low) / width, math.log(b / low) / width
        for i in range(int(start), min(int(stop), len(out) - 1) + 1):
            part = min(stop, i + 1) - max(start, i)
            out[i] += n * part / (stop - start) if stop > start else n
    return [(low * math.exp(i * width), low * math.exp((i + 1) * width), n) for i, n in enumerate(out)]


def _percentiles(
    key: str, title: str, cut: list[Slot], names: list[str], values: list[list[float | None]], height: int
) -> Html:
    lines = [Series(name, f"s-{name}", column) for name, column in zip(names, values, strict=True)]
    known = [line for line in lines if any(v is not None for v in line.values)]
    scale = Scale(cut, axes.times(max((_most(line.values) for line in known), default=1.0)), height)
    fills = [plot.soft(scale, upper, lower) for lower, upper in pairwise(lines)]
    tips = [", ".join(f"{line.name} {_time(line.values[i])}" for line in lines) for i in range(len(cut))]
    told = "; ".join(f"{line.name} {_range(line.values)}" for line in known) or "Too few turns for percentiles"
    keys = [line if line in known else Series(f"{line.name} {words.TOO_FEW}", line.paint) for line in lines]
    each = _each(cut) + ("" if _each(cut) == "second" else ", the worst second of each")
    if (over_s := max(slot.point.over_s for slot in cut)) > 1:
        each += f", over up to {over_s} s where a second has too few turns"
    drawing = join(*fills, *(plot.line(scale, line) for line in lines))
    return plot.figure(key, f"{title} by {each}", f"{told}.", _over_time(scale, drawing, tips), height, keys)


def _over_time(scale: Scale, drawing: Html, tips: list[str]) -> Html:
    start = scale.slots[0].start_s
    return plot.over_time(scale, axes.seconds(start, start + scale.length_s), drawing, tips)


def _each(cut: list[Slot]) -> str:
    width = round((cut[-1].start_s + cut[-1].width_s - cut[0].start_s) / len(cut))
    return "second" if width <= 1 else f"{width} s"


def _most(values: Sequence[float | None]) -> float:
    return max((v for v in values if v is not None), default=0.0)


def _time(ms: float | None) -> str:
    return words.TOO_FEW if ms is None else words.time(ms)


def _range(values: list[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"between {words.time(min(known))} and {words.time(max(known))}"
