"""The tables of the report: thresholds, metrics, parts of the session, errors, checks, and every chart's numbers."""

from __future__ import annotations

from collections.abc import Sequence

from krawall.conduct import plot, words
from krawall.conduct.markup import Html, el
from krawall.metrics.catalog import METRICS
from krawall.model.summary import Gap, Part, Pause, Point, Summary

_FIGURES = ("mean", "p50", "p90", "p95", "p99", "max")
_JUDGED = {"pass": ("ok", "Passed"), "fail": ("bad", "Failed"), "undecided": ("info", "Undecided")}


def thresholds(summary: Summary) -> Html | None:
    """Return each threshold with its outcome, the value it saw and why; None without thresholds."""
    if not summary.thresholds:
        return None
    rows: list[list[object]] = []
    for judged in summary.thresholds:
        paint, word = _JUDGED.get(judged.outcome, ("calm", judged.outcome))
        badge = el("td", el("span", word, class_=f"badge {paint}"), class_="text")
        why = el("td", judged.why if judged.outcome != "pass" else "", class_="text why muted")
        rows.append([el("th", el("code", judged.text), scope="row", class_="name"), badge, words.seen(judged), why])
    card = table("Thresholds", ["Threshold", "Outcome", "Saw", "Why"], rows, text=(1, 3), named=False)
    return el("section", el("h2", "Thresholds"), card)


def tables(summary: Summary) -> Html:
    """Return the tables of metrics, parts, errors and checks, each only when it has rows."""
    shown = [
        _metrics(summary),
        _parts("By phase", "Phase", summary.phases),
        _parts("By step", "Step", summary.steps),
        _parts("By turn", "Turn", summary.turn_parts),
    ]
    small = [_conversations(summary), _errors(summary), _numbers("Replies by status", "Status", summary.statuses),
             _numbers("Faults put in on purpose", "Kind", summary.injected), _checks(summary)]  # fmt: skip
    gathered = el("div", *small, class_="small")
    return el("section", el("h2", "In numbers"), el("div", *shown, gathered, class_="tables"))


def holes(summary: Summary) -> Html | None:
    """Return the stretches in which a shard had no player or the session was paused; None without any."""
    rows: list[list[object]] = []
    for gap in summary.gaps:
        rows.append([f"Shard {gap.shard} was not played", *_ends(gap), el("td", gap.why, class_="text why")])
    for pause in summary.pauses:
        rows.append(["The session was paused", *_ends(pause), el("td", "a person had asked for it", class_="text why")])
    if not rows:
        return None
    card = table("Gaps and pauses", ["What", "From", "To", "Why"], rows, text=(3,), named=False)
    return el("section", el("h2", "Gaps and pauses"), card)


def _ends(stretch: Gap | Pause) -> tuple[str, str]:
    return f"{stretch.from_s:.1f} s", "the end" if stretch.to_s is None else f"{stretch.to_s:.1f} s"


def generator(summary: Summary) -> Html:
    """Return how the generator itself did, and what the log could not keep."""
    health = summary.generator
    badge = el("span", "Valid" if health.valid else "Invalid", class_=f"badge {'ok' if health.valid else 'warn'}")
    facts: list[tuple[str, object]] = [
        ("Result", badge),
        ("Event loop lag, p99", words.time(health.loop_lag_p99_ms)),
        ("Send lag, p99", words.time(health.send_lag_p99_ms)),
        ("CPU, busiest process", f"{health.cpu:.0%} of one core".replace("%", " %")),
        *((f"Lost: {what.replace('_', ' ')}", words.count(n)) for what, n in summary.lost.items() if n),
    ]
    if health.why:
        facts.append(("Why", health.why))
    listed = el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in facts), class_="facts-box")
    return el("section", el("h2", "The generator"), el("div", listed, class_="card"))


def seconds(points: Sequence[Point]) -> Html | None:
    """Return the numbers behind the charts over time, folded away; None without points."""
    if not points:
        return None
    times = [f"Latency\n{q}" for q in ("p50", "p95", "p99")] + ["First token\np50", "First token\np95"]
    heads = ["From", "Users", "Turns", "Errors", *times, "Tokens out", "Cost"]
    rows: list[list[object]] = []
    for slot in plot.slots(points):
        p = slot.point
        times = [_time(ms) for ms in (p.latency_p50, p.latency_p95, p.latency_p99, p.ttft_p50, p.ttft_p95)]
        counts = [words.count(n) for n in (p.users, p.turns, p.errors)]
        rows.append([f"{slot.start_s:.0f} s", *counts, *times, words.count(p.tokens_out), words.money(p.cost_usd)])
    grid = table("The numbers behind the charts", heads, rows, named=False, plain=True)
    return el("details", el("summary", "The numbers behind the charts"), grid)


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[object]], *, text: Sequence[int] = (), named: bool = True,
    plain: bool = False,
) -> Html:  # fmt: skip
    """Return a table in a box of its own that scrolls sideways.

    Args:
        caption: its name, shown when `named`, else for assistive technology only.
        heads: column heads.
        rows: cells; the first of a row is its head, cells that are elements already stay as they are.
        text: columns of words, aligned to the left.
        named: show the caption.
        plain: no card round it.
    """
    head = el(
        "tr", *(el("th", name, scope="col", class_="text" if i in text else None) for i, name in enumerate(heads))
    )
    body = [el("tr", *(_cell(i, cell) for i, cell in enumerate(row))) for row in rows]
    shown = el("caption", caption) if named else None
    grid = el("table", shown, el("thead", head), el("tbody", *body), aria_label=None if named else caption)
    return el("div", grid, class_="box" if plain else "box card", tabindex=0, role="region", aria_label=caption)


def _cell(column: int, cell: object) -> Html:
    if isinstance(cell, Html) and cell.startswith(("<td", "<th")):
        return cell
    if column == 0:
        return el("th", cell, scope="row", class_="name")
    return el("td", cell, class_="few" if cell in (words.TOO_FEW, "–") else None)


def _metrics(summary: Summary) -> Html | None:
    rows: list[list[object]] = []
    order = [name for name in words.LABELS if name in summary.metrics]
    for name in [*order, *sorted(set(summary.metrics) - set(order))]:
        numbers = summary.metrics[name]
        meaning = el("small", METRICS[name].meaning) if name in METRICS else None
        first = el("th", words.LABELS.get(name, name), " ", el("code", name), meaning, scope="row", class_="name")
        rows.append([first, words.count(numbers.count), *(words.quantile(numbers, figure) for figure in _FIGURES)])
    heads = ["Metric", "Count", "Mean", *_FIGURES[1:-1], "Max"]
    return table("Metrics of the measure phase", heads, rows) if rows else None


def _parts(caption: str, what: str, parts: Sequence[Part]) -> Html | None:
    rows: list[list[object]] = []
    for part in parts:
        failed = sum(part.errors.values())
        cells: list[object] = [part.name, words.count(part.turns), f"{words.count(failed)}"]
        for metric in ("ttft", "latency"):
            numbers = part.metrics.get(metric)
            names = ("p50", "p95") if metric == "ttft" else ("p50", "p95", "p99")
            cells += [words.quantile(numbers, q) if numbers and numbers.count else "–" for q in names]
        rows.append(cells)
    heads = [
        what,
        "Turns",
        "Errors",
        "First token\np50",
        "First token\np95",
        "Latency\np50",
        "Latency\np95",
        "Latency\np99",
    ]
    return table(caption, heads, rows) if rows else None


def _conversations(summary: Summary) -> Html:
    told = summary.conversations
    names = ("started", "completed", "ended", "failed", "capped", "abandoned", "dropped")
    rows = [
        [name.capitalize(), words.count(getattr(told, name))]
        for name in names
        if getattr(told, name) or name == "started"
    ]
    if told.planned is not None:
        rows.insert(0, ["Planned", words.count(told.planned)])
    return table("Conversations", ["Outcome", "Count"], rows)


def _errors(summary: Summary) -> Html | None:
    found = sorted(summary.errors.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [[kind.replace("_", " "), words.count(n), words.share(n, summary.attempts)] for kind, n in found if n]
    return table("Errors", ["Kind", "Count", "Of attempts"], rows) if rows else None


def _numbers(caption: str, what: str, found: dict[str, int]) -> Html | None:
    rows = [[name.replace("_", " "), words.count(n)] for name, n in sorted(found.items()) if n]
    return table(caption, [what, "Count"], rows) if rows else None


def _checks(summary: Summary) -> Html | None:
    rows: list[list[object]] = []
    for name, (good, bad) in summary.checks.items():
        rows.append([name, words.count(good), words.count(bad), words.share(good, good + bad)])
    return table("Checks", ["Check", "Held", "Failed", "Held, share"], rows) if rows else None


def _time(ms: float | None) -> str:
    return words.TOO_FEW if ms is None else words.time(ms)
