"""Numbers and results as people read them: one wording for the terminal, the HTML report, the charts and JUnit. Pure."""

from __future__ import annotations

import math
import unicodedata

from krawall.metrics.catalog import METRICS, Kind
from krawall.metrics.rule import parse
from krawall.model.summary import Gap, Judged, Numbers, Summary

LABELS = {
    "ttft": "First token",
    "ttft_any": "First token of any kind",
    "first_event": "First event",
    "first_byte": "First byte",
    "connect": "Connect",
    "latency": "Latency",
    "latency_intended": "Latency from intended send",
    "itl": "Gap between tokens",
    "itl_max": "Longest gap of a reply",
    "tpot": "Time per output token",
    "send_lag": "Send lag",
    "conversation_time": "Conversation",
    "turns": "Turns of a conversation",
    "tokens.input": "Input tokens",
    "tokens.output": "Output tokens",
    "tokens_per_conversation": "Tokens of a conversation",
    "cost": "Cost of an attempt",
    "cost_per_conversation": "Cost of a conversation",
    "amplification": "Amplification",
    "repetition": "Repetition",
}
"""What a table calls a metric. Names that are missing here are shown as they are."""

VERDICTS = {
    "passed": "Passed",
    "failed": "Failed",
    "undecided": "Undecided",
    "invalid": "Invalid",
    "none": "Not judged",
}
OUTCOMES = {"completed": "Completed", "cancelled": "Cancelled", "aborted": "Aborted", "failed": "Failed"}
SAMPLES = {"p95": 20, "p99": 100, "p999": 1000}
"""Samples that a quantile needs before it is shown (UI brief, charts)."""

TOO_FEW = "too few"
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])


def clean(text: str) -> str:
    """Return `text` without what could drive a terminal or reorder a line: controls become U+FFFD, tabs and ends of line stay."""
    marked = (
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c
        for c in text.replace("\r\n", "\n")
    )
    return "".join(marked).translate(_BIDI)


def count(number: float) -> str:
    """Return a whole number with thousands marked: 1204 is `1,204`."""
    return f"{number:,.0f}"


def time(ms: float) -> str:
    """Return a time given in ms: `0.42 ms`, `8.4 ms`, `132 ms`, `1,204 ms`, and from 10 s on `12.4 s`."""
    if abs(ms) >= 9999.5:
        return f"{ms / 1000:,.1f} s"
    digits = 0 if abs(ms) >= 99.95 or ms == 0 else 1 if abs(ms) >= 0.995 else 2
    return f"{ms:,.{digits}f} ms"


def money(usd: float) -> str:
    """Return US dollars: two digits from one dollar on, four below, more below one cent; what is smaller says so."""
    if 0 < usd < 0.000001:
        return "<$0.000001"
    if usd >= 0.99995 or usd <= 0:
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if usd >= 0.01 else f"${usd:.{2 - math.floor(math.log10(usd))}f}"


def rate(per_s: float) -> str:
    """Return a rate without its unit: one digit below 100."""
    return f"{per_s:,.1f}" if per_s < 100 else f"{per_s:,.0f}"


def share(part: float, whole: float) -> str:
    """Return `part` of `whole` in percent, and `0 %` when there is no whole. Never rounds something to nothing."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    if percent == 100:
        return "100 %"
    return "<0.01 %" if percent < 0.01 else f"{percent:.2f} %" if percent < 10 else f"{percent:.1f} %"


def lasting(seconds: float) -> str:
    """Return a length of time: `8.4 s`, `37 s`, `4 min 12 s`, `1 h 2 min`."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def number(value: float, unit: str) -> str:
    """Return a value with its unit. `ms` and `USD` have their own form, `1` is none, others are appended."""
    if not math.isfinite(value):
        return "no value"
    if unit == "ms":
        return time(value)
    if unit == "USD":
        return money(value)
    text = f"{value:,.3g}" if abs(value) < 1000 else count(value)
    return text if unit in ("1", "") else f"{text} {unit.removeprefix('1')}"


def quantile(numbers: Numbers, name: str) -> str:
    """Return one figure of a metric (`mean`, `p50`, `p95`, `p99`, `max`, ...) with its unit, or `too few`."""
    if numbers.count < SAMPLES.get(name, 1):
        return TOO_FEW
    return number(float(getattr(numbers, name)), numbers.unit)


def seen(judged: Judged) -> str:
    """Return the value that a threshold saw, in the unit of its metric; shares in percent."""
    if judged.value is None:
        return "no value"
    try:
        rule = parse(judged.text)
    except ValueError:
        return number(judged.value, "")
    metric = METRICS[rule.metric]
    if rule.function == "count":
        return count(judged.value)
    return share(judged.value, 1) if metric.kind is Kind.share else number(judged.value, metric.unit)


def counts(kinds: dict[str, int]) -> str:
    """Return `timeout 2, server 1`: the most frequent first, nothing for zero."""
    ordered = sorted(((n, kind) for kind, n in kinds.items() if n), key=lambda pair: (-pair[0], pair[1]))
    return ", ".join(f"{kind.replace('_', ' ')} {count(n)}" for n, kind in ordered)


def differs(metrics: dict[str, Numbers]) -> bool:
    """Say whether latency from the intended send tells more than latency: more apart than the 1 % of a histogram, twice."""
    real, meant = metrics.get("latency"), metrics.get("latency_intended")
    if real is None or meant is None or not meant.count:
        return False
    return any(
        abs(getattr(meant, q) - getattr(real, q)) > 0.02 * getattr(real, q) for q in ("mean", "p95", "p99", "max")
    )


def ending(summary: Summary) -> str:
    """Return how the session came to its end, for a person: `Completed`, `Aborted: cost cap reached`."""
    word = OUTCOMES.get(summary.outcome, summary.outcome or summary.state).strip() or "Unknown"
    return f"{word}: {summary.reason}" if summary.reason else word


def reasons(summary: Summary) -> list[str]:
    """Return why the verdict is what it is, the weightiest first; never empty."""
    why: list[str] = []
    if summary.verdict == "invalid" or not summary.generator.valid:
        why.append(summary.generator.why or "the generator was the bottleneck")
    early = summary.outcome not in ("completed", "")
    if summary.reason or early:
        why.append(ending(summary) if early else summary.reason)
    failed = [judged for judged in summary.thresholds if judged.outcome == "fail"]
    why += [_judged(judged) for judged in failed or summary.thresholds if judged.outcome != "pass"]
    if why:
        return why
    held = len(summary.thresholds)
    if held:
        return [f"all {held} thresholds held" if held > 1 else "the threshold held"]
    return ["the scenario has no thresholds"]


def _judged(judged: Judged) -> str:
    if judged.outcome == "fail":
        return judged.why or f"{judged.text} saw {seen(judged)}"
    return f"{judged.text} is undecided: {judged.why}" if judged.why else f"{judged.text} is undecided"


def sentence(text: str) -> str:
    """Return `text` with a capital at its start, unless it begins with code such as `p95(ttft)`."""
    first = text.split(" ", 1)[0]
    return text if "(" in first or not text else text[0].upper() + text[1:]


def stretch(from_s: float, to_s: float | None) -> str:
    """Return `from 12.0 s to 14.2 s`, or `from 12.0 s to the end`."""
    return f"from {from_s:.1f} s to {'the end' if to_s is None else f'{to_s:.1f} s'}"


def gap(one: Gap) -> str:
    """Return `shard 2 from 12.0 s to 14.2 s: its engine process died`."""
    return f"shard {one.shard} {stretch(one.from_s, one.to_s)}: {one.why}"


def many(number: int, noun: str) -> str:
    """Return `1 turn` or `1,204 turns`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"
