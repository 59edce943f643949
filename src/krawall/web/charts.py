"""Numbers to SVG for pages and reports: what does not move. Pure, no script; hover and focus read `data-tip`.

Over time moves `<time-chart>`; spread, heat and rings are drawn here, with the parts of `conduct.plot`; each with its numbers as a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from krawall.archive.spread import Spread
from krawall.conduct import axes, plot, words
from krawall.conduct.charts import spread as spread_figure
from krawall.conduct.markup import Html, el, join

HEIGHT = 200
MOST_KINDS = 5
"""Parts of a ring; what is beyond is put together."""
SHADES = 6


def histogram(found: Spread, marks: Mapping[str, float]) -> Markup:
    """Draw how many turns took how long, on a log axis. `marks`: quantiles by name, ms. Needs one turn at least."""
    counts: dict[int, int] = {}
    for _, bucket, turns in found.cells:
        counts[bucket] = counts.get(bucket, 0) + turns
    buckets = [
        (_edge(found, bucket), _edge(found, bucket + 1), turns) for bucket, turns in sorted(counts.items()) if turns
    ]
    rows = [(f"{words.time(low)} to {words.time(high)}", words.count(turns)) for low, high, turns in buckets]
    return _tabled(spread_figure(buckets, dict(marks)), "Spread of response time", ("Response time", "Turns"), rows)


def heatmap(found: Spread) -> Markup:
    """Draw response times over time: a column each few seconds, rows on a log axis, darker is more. Needs one turn."""
    coarse = max(1, found.per_decade // 8)
    cells: dict[tuple[int, int], int] = {}
    for column, bucket, turns in found.cells:
        place = (column, bucket // coarse)
        cells[place] = cells.get(place, 0) + turns
    low, high = min(row for _, row in cells), max(row for _, row in cells) + 1
    columns, most = max(column for column, _ in cells) + 1, max(cells.values())
    tall = HEIGHT / (high - low)
    boxes: list[Html] = []
    spans = {
        row: f"{words.time(_edge(found, row * coarse))} to {words.time(_edge(found, (row + 1) * coarse))}" for row in range(low, high)
    }  # fmt: skip
    for (column, row), turns in sorted(cells.items()):
        start = column * found.column_s
        tip = f"{start:.0f} to {start + found.column_s:.0f} s, {spans[row]}: {words.many(turns, 'turn')}"
        boxes.append(
            Html(
                f'<rect class="heat h-{_shade(turns, most)}" x="{plot.percent(column / columns)}" width="{plot.percent(0.94 / columns)}"'
                f' y="{HEIGHT - (row - low + 1) * tall:g}" height="{max(1.0, tall - 1):g}" rx="1" data-tip="{tip}"/>'
            )
        )
    low_ms, high_ms = _edge(found, low * coarse), _edge(found, high * coarse)
    side = [
        join(
            el("line", class_="grid", x1=0, x2="100%", y1=HEIGHT * (1 - tick.at), y2=HEIGHT * (1 - tick.at)),
            el("text", tick.label, class_="end", x=-10, y=HEIGHT * (1 - tick.at) + 4),
        )
        for tick in axes.decades(low_ms, high_ms)
    ]
    below = plot.below(axes.seconds(0, columns * found.column_s), HEIGHT)
    told = f"Response times between {words.time(low_ms)} and {words.time(high_ms)} over {columns * found.column_s:.0f} s; at most {words.many(most, 'turn')} in a field."
    title = "Response time over time, turns (log axis)"
    drawn = plot.figure("heat", title, told, join(*side, *boxes, below), HEIGHT)
    bands = sorted({row for _, row in cells})
    heads = ["Seconds", *(f"to {words.time(_edge(found, (row + 1) * coarse))}" for row in bands)]
    table = [
        (f"{column * found.column_s:.0f} to {(column + 1) * found.column_s:.0f}", *(words.count(cells.get((column, row), 0)) for row in bands))
        for column in sorted({column for column, _ in cells})
    ]  # fmt: skip
    return _tabled(drawn, "Turns by time and response time", heads, table)


def ring(key: str, title: str, parts: Sequence[tuple[str, int]], unit: str) -> Markup:
    """Draw a whole and its parts as a doughnut with the sum in the middle and a legend with numbers."""
    kept = [(name, value) for name, value in parts if value]
    if len(kept) > MOST_KINDS:
        kept = [*kept[: MOST_KINDS - 1], ("Others", sum(value for _, value in kept[MOST_KINDS - 1 :]))]
    whole, turn, radius = sum(value for _, value in kept), 0.0, 15.9155  # a circumference of 100
    arcs = []
    for number, (name, value) in enumerate(kept):
        share = 100 * value / whole
        gap = 0.6 if len(kept) > 1 else 0.0
        arcs.append(
            el("circle", el("title", f"{name} {words.count(value)}"), class_=f"arc s-{number + 1}", cx=21, cy=21, r=radius,
               stroke_dasharray=f"{max(share - gap, 0.1):.2f} {100 - max(share - gap, 0.1):.2f}", stroke_dashoffset=f"{25 - turn:.2f}",
               data_tip=f"{name}: {words.count(value)}, {words.share(value, whole)}")
        )  # fmt: skip
        turn += share
    middle = join(el("text", short(whole), class_="sum", x=21, y=21.5), el("text", unit, class_="unit", x=21, y=26))
    told = f"{words.count(whole)} {unit}: " + ", ".join(f"{name} {words.count(value)}" for name, value in kept) + "."
    drawn = el(
        "svg", el("title", title, id=f"{key}-title"), el("desc", told, id=f"{key}-desc"), *arcs, middle, class_="ring", viewBox="0 0 42 42",
        role="img", aria_labelledby=f"{key}-title", aria_describedby=f"{key}-desc",
    )  # fmt: skip
    rows = [
        el("tr", el("th", el("i", class_=f"s-{number + 1}"), name, scope="row"), el("td", words.count(value)), el("td", words.share(value, whole)))
        for number, (name, value) in enumerate(kept)
    ]  # fmt: skip
    legend = el("table", el("caption", title, class_="sr"), el("tbody", *rows), class_="ring-keys")
    return Markup(
        el(
            "figure",
            el("figcaption", el("h3", title)),
            el("div", drawn, legend, class_="ring-box"),
            class_="chart card",
        )
    )


def short(number: float) -> str:
    """Return a count in few letters: `812`, `51.2k`, `3.1M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            value = number / (size if letter != "k" else 1e3)
            return f"{value:.0f}{letter}" if value >= 100 else f"{value:.1f}{letter}"
    return words.count(number)


def _tabled(drawn: str, caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a figure with its numbers behind it: the table takes the place of the picture when it is opened."""
    head = el("tr", *(el("th", each, scope="col", class_="n" if at else None) for at, each in enumerate(heads)))
    cells = (f"<td>{row[0]}</td>" + "".join(f'<td class="n">{each}</td>' for each in row[1:]) for row in rows)
    body = Html("".join(f"<tr>{row}</tr>" for row in cells))  # many, and all numbers of ours: nothing to escape
    table = el("table", el("caption", caption, class_="sr"), el("thead", head), el("tbody", body))
    box = el("div", table, class_="table", role="region", aria_label=caption, tabindex=0)
    behind = el("details", el("summary", "Table", el("span", f": {caption}", class_="sr")), box, class_="behind")
    return Markup(f"{drawn.removesuffix('</figure>')}{behind}</figure>")  # ours, escaped by `el`


def _edge(found: Spread, bucket: int) -> float:
    return math.pow(10.0, bucket / found.per_decade)


def _shade(turns: int, most: int) -> int:
    """Return 1..SHADES, by the logarithm of how many: a single turn is seen beside thousands."""
    return 1 + min(SHADES - 1, math.floor(SHADES * math.log(turns + 1) / math.log(most + 2)))
