"""The report of a finished session: one HTML file that needs nothing but itself. No script, no link to anywhere.

Order: what it is and how it went, the numbers, the thresholds, the pictures, the tables, what was said, how the generator
did, how to repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import msgspec

from krawall.conduct import charts, report_tables, words
from krawall.conduct.charts import Bucket
from krawall.conduct.markup import Html, el
from krawall.conduct.report_style import STYLE
from krawall.model.summary import Point, Summary

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
LONGEST = 4000
"""Characters of one message that the report shows; the log has the rest."""

_SIGNS = {
    "passed": ("ok", "✓"),
    "failed": ("bad", "✕"),
    "undecided": ("info", "?"),
    "invalid": ("warn", "!"),
    "none": ("calm", "–"),
}
_OUTCOME = {"completed": "ok", "ended": "info", "capped": "warn", "abandoned": "warn", "failed": "bad"}
_BOLT = Html(
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">'
    '<path d="M4 14a1 1 0 0 1-.78-1.63l9.9-10.2a.5.5 0 0 1 .86.46l-1.92 6.02A1 1 0 0 0 13 10h7a1 1 0 0 1 .78 1.63l-9.9 10.2'
    'a.5.5 0 0 1-.86-.46l1.92-6.02A1 1 0 0 0 11 14z"/></svg>'
)


class SampleTurn(msgspec.Struct):
    """One turn as it was: what was said and heard, ms to the last and to the first token (None: none came), the fault or ''."""

    said: str
    heard: str
    latency_ms: float | None = None
    ttft_ms: float | None = None
    fault: str = ""


class SampleConversation(msgspec.Struct):
    """One conversation to read, with the number and the outcome it has in the log."""

    number: int
    outcome: str
    turns: list[SampleTurn]


def html(
    summary: Summary,
    points: Sequence[Point],
    *,
    plan_yaml: str,
    samples: Sequence[SampleConversation],
    latency_buckets: Sequence[Bucket],
    cost_cap_usd: float | None = None,
) -> str:
    """Return the report as one HTML document.

    Args:
        summary: the result.
        points: one per second, any order; may be empty.
        plan_yaml: the plan as text, secrets already references.
        samples: conversations to read; may be empty.
        latency_buckets: (from ms, to ms, count) of the latency histogram of the measure phase.
        cost_cap_usd: the money cap, to be drawn with the cost.
    """
    main = el(
        "main",
        _hero(summary),
        _tiles(summary, cost_cap_usd),
        report_tables.thresholds(summary),
        _charts(summary, points, latency_buckets, cost_cap_usd),
        report_tables.holes(summary),
        report_tables.tables(summary),
        _samples(samples),
        report_tables.generator(summary),
        _repeat(summary, plan_yaml),
        id="main",
    )
    title = f"{words.VERDICTS.get(summary.verdict, summary.verdict)}: {_name(summary)}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} (Krawall report)"),
        el("link", rel="icon", href="data:,"),
        el("style", Html(STYLE)),
    )
    top = el("header", _BOLT, el("b", "Krawall"), el("span", "Session report"), _when(summary), class_="top")
    foot = el(
        "footer", f"Session {summary.session}. Times are from a monotonic clock, quantiles within 1 %.", class_="foot"
    )
    skip = el("a", "Skip to the result", href="#main", class_="skip")
    return f"<!doctype html>\n{el('html', head, el('body', skip, top, main, foot), lang='en')}\n"


def _name(summary: Summary) -> str:
    return summary.name or summary.session or "Session"


def _when(summary: Summary) -> Html | None:
    if not summary.started_at:
        return None
    return el("time", summary.started_at[:19].replace("T", " ") + " UTC", datetime=summary.started_at)


def _hero(summary: Summary) -> Html:
    paint, sign = _SIGNS.get(summary.verdict, _SIGNS["none"])
    facts = [
        el("li", "Target ", el("code", summary.target)) if summary.target else None,
        el("li", words.ending(summary)),
        el("li", f"Lasted {words.lasting(summary.duration_s)}"),
        el("li", f"Seed {summary.seed}"),
        el("li", f"Exit code {summary.exit_code}"),
    ]
    why = [el("li", words.sentence(reason)) for reason in words.reasons(summary)]
    word = el("strong", words.VERDICTS.get(summary.verdict, summary.verdict))
    verdict = el(
        "div",
        el("span", sign, class_="sign", aria_hidden="true"),
        el("div", word, el("ul", *why)),
        class_=f"verdict {paint}",
    )
    named = el("div", el("h1", _name(summary), dir="auto"), el("ul", *facts, class_="facts"))
    return el("section", named, verdict, class_="hero", aria_label="Result")


def _tiles(summary: Summary, cap_usd: float | None) -> Html:
    failed = sum(summary.errors.values())
    tokens = summary.tokens
    told = f"{words.count(tokens.input)} in, {words.count(tokens.output)} out"
    if tokens.estimated:
        told += f", {words.count(tokens.estimated)} estimated"
    per = (
        f"{words.money(summary.cost_usd / summary.conversations.started)} a conversation"
        if summary.conversations.started
        else ""
    )
    tiles = [
        ("Turns per second", words.rate(summary.rates.turns_per_s), f"{words.count(summary.turns)} turns"),
        ("First token, p95", *_quantiles(summary, "ttft")),
        ("Latency, p95", *_quantiles(summary, "latency")),
        (
            "Errors",
            words.count(failed),
            f"of {words.count(summary.attempts)} attempts ({words.share(failed, summary.attempts)})".replace(
                " %", "\u00a0%"
            ),
        ),
        ("Cost", words.money(summary.cost_usd), f"of {words.money(cap_usd)} allowed" if cap_usd is not None else per),
        ("Tokens", words.count(tokens.input + tokens.output), told),
    ]
    cells = [el("div", el("dt", a), el("dd", b), el("dd", c) if c else None, class_="tile") for a, b, c in tiles]
    return el("section", el("dl", *cells, class_="tiles card"), aria_label="In short")


def _quantiles(summary: Summary, metric: str) -> tuple[str, str]:
    numbers = summary.metrics.get(metric)
    if numbers is None or not numbers.count:
        return "–", "not measured"
    return words.quantile(numbers, "p95"), f"p50 {words.quantile(numbers, 'p50')}"


def _charts(summary: Summary, points: Sequence[Point], buckets: Sequence[Bucket], cap_usd: float | None) -> Html | None:
    wide: list[Html] = []
    half: list[Html] = []
    if points:
        wide.append(charts.latency(points))
        if any(p.ttft_p50 is not None or p.ttft_p95 is not None for p in points):
            wide.append(charts.ttft(points))
        half += [charts.throughput(points), charts.errors(points)]
    latency = summary.metrics.get("latency")
    if latency and any(n for _, _, n in buckets):
        enough = takewhile(lambda q: latency.count >= words.SAMPLES.get(q, 1), ("p50", "p95", "p99"))
        half.append(charts.spread(buckets, {q: float(getattr(latency, q)) for q in enough}))
    if any(p.cost_usd for p in points):
        half.append(charts.cost(points, cap_usd))
    if not wide and not half:
        return None
    odd = [el("div", half.pop(), class_="wide")] if len(half) % 2 else []
    drawn = el("div", *(el("div", chart, class_="wide") for chart in wide), *half, *odd, class_="charts")
    return el("section", el("h2", "Over time"), drawn, report_tables.seconds(points))


def _samples(samples: Sequence[SampleConversation]) -> Html | None:
    if not samples:
        return None
    shown = [_sample(sample) for sample in samples]
    return el("section", el("h2", "Conversations to read"), el("div", *shown, class_="samples"))


def _sample(sample: SampleConversation) -> Html:
    known = [turn.latency_ms for turn in sample.turns if turn.latency_ms is not None]
    slowest = f", slowest {words.time(max(known))}" if known else ""
    told = f"{words.many(len(sample.turns), 'turn')}{slowest}"
    outcome = el("span", sample.outcome.capitalize(), class_=f"badge {_OUTCOME.get(sample.outcome, 'calm')}")
    line = el("summary", f"Conversation {sample.number}", outcome, el("span", told, class_="push muted num"))
    rows = [row for turn in sample.turns for row in _turn(turn)]
    return el("details", line, el("ol", *rows, class_="talk"))


def _turn(turn: SampleTurn) -> list[Html]:
    said = el("li", el("span", "User", class_="who"), el("p", _cut(turn.said), dir="auto"), class_="turn")
    times = [words.time(turn.latency_ms)] if turn.latency_ms is not None else []
    if turn.ttft_ms is not None:
        times.append(f"first token {words.time(turn.ttft_ms)}")
    fault = el("span", turn.fault, class_="fault") if turn.fault else None
    gap = Html("\n") if fault and turn.heard else None
    heard = el("p", fault, gap, _cut(turn.heard) if turn.heard or fault else "(an empty reply)", dir="auto")
    at = el("span", ", ".join(times), class_="at")
    return [said, el("li", el("span", "Bot", class_="who"), heard, at, class_="turn odd" if fault else "turn")]


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({words.count(len(text) - LONGEST)} more characters in the log)"


def _repeat(summary: Summary, plan_yaml: str) -> Html:
    facts = [
        ("Seed", el("dd", str(summary.seed))),
        ("Plan hash", el("dd", el("code", summary.plan_hash))),
        ("Directory", el("dd", el("code", summary.directory))),
    ]
    listed = el("dl", *(el("div", el("dt", name), value) for name, value in facts), class_="facts-box")
    commands = f"krawall run plan.yaml --seed {summary.seed}\nkrawall report {summary.directory}"
    plan = el(
        "details",
        el("summary", "The plan, to be kept as plan.yaml"),
        el("div", el("pre", el("code", plan_yaml)), class_="box", tabindex=0),
    )
    return el("section", el("h2", "How to repeat it"), el("div", listed, el("pre", commands), class_="card"), plan)
