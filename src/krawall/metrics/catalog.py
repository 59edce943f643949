"""Every metric: its name, unit and meaning, and what others call it. Defined here and nowhere else; the docs come from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from krawall.model.exchange import FaultKind


class Kind(StrEnum):
    """What there is to ask of a metric."""

    distribution = "distribution"  # quantiles, mean, min, max, count, sum
    share = "share"  # rate(...): 0..1
    counter = "count"  # count(...)
    pace = "pace"  # value(...): per second


class Group(StrEnum):
    """What a threshold on the metric is about; decides the exit code."""

    performance = "performance"
    quality = "quality"
    cost = "cost"


class Scope(StrEnum):
    """What one value of the metric belongs to. Metrics of conversations have no step and no turn."""

    attempt = "attempt"
    turn = "turn"
    conversation = "conversation"


@dataclass(frozen=True)
class Metric:
    """One metric. `per_unit`: how many of the histogram's integers make one `unit` (ms, USD, tokens, 1, 1/s)."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    scope: Scope = Scope.attempt
    group: Group = Group.performance
    per_unit: int = 1
    others: str = ""


def _time(name: str, meaning: str, others: str = "", scope: Scope = Scope.attempt, per_unit: int = 1_000) -> Metric:
    return Metric(name, Kind.distribution, "ms", meaning, scope, Group.performance, per_unit, others)


def _amount(name: str, unit: str, meaning: str, others: str = "", scope: Scope = Scope.attempt, per: int = 1) -> Metric:
    return Metric(name, Kind.distribution, unit, meaning, scope, Group.cost, per, others)


_FAULTS = tuple(
    Metric(
        f"errors.{kind}",
        Kind.share,
        "1",
        f"turns that ended in the fault `{kind}`, over turns",
        Scope.turn,
        Group.quality if kind is FaultKind.expectation else Group.performance,
    )
    for kind in FaultKind
)

_ALL = (
    _time(
        "send_lag",
        "actual minus intended send, the time to connect taken out, never below 0; every attempt that was sent",
    ),
    _time(
        "connect",
        "DNS, TCP and TLS, of attempts that dialled and were sent",
        "k6: http_req_connecting + http_req_tls_handshaking",
    ),
    _time("first_byte", "send to the first byte of the response", "k6: http_req_waiting"),
    _time("first_event", "send to the first protocol event of any kind", "vllm bench: ttft (first event with choices)"),
    _time(
        "ttft",
        "send to the first token that a person can read",
        "GuideLLM: time to first output token; AIPerf: time_to_first_output_token",
    ),
    _time(
        "ttft_any",
        "send to the first token of any kind, reasoning and tool calls too",
        "GuideLLM: time_to_first_token; AIPerf: time_to_first_token",
    ),
    _time(
        "latency",
        "send to the last token, or to the end of a reply without tokens",
        "vllm bench: e2el; GuideLLM: request_latency (s); AIPerf: request_latency",
    ),
    _time("latency_intended", "intended send to the last token: what a user who does not wait for us would feel"),
    _time("itl", "every gap between content events, pooled", "vllm bench: itl; AIPerf: inter_chunk_latency"),
    _time("itl_max", "the longest gap between content events of an attempt"),
    _time(
        "tpot",
        "(last token - first token) / (tokens after the first event); the first event is taken to bring its share",
        "vllm bench: tpot; GuideLLM: inter_token_latency; AIPerf: inter_token_latency (all: over tokens - 1)",
        per_unit=1_000_000,
    ),
    _amount("tokens.input", "tokens", "input tokens, cached ones too", "AIPerf: input_sequence_length"),
    _amount("tokens.output", "tokens", "output tokens, reasoning too", "AIPerf: output_sequence_length"),
    _amount("cost", "USD", "money of an attempt; its sum is exact to 1e-12 USD", per=1_000_000_000),
    _amount("amplification", "1", "output tokens for one input token", per=1_000_000),
    Metric(
        "repetition",
        Kind.distribution,
        "1",
        "likeness to the last replies of the conversation, 0..1",
        Scope.attempt,
        Group.quality,
        1_000_000,
    ),
    _time(
        "conversation_time",
        "start to end of a conversation that completed or ended as the scenario says",
        scope=Scope.conversation,
    ),
    Metric(
        "turns",
        Kind.distribution,
        "1",
        "turns of a conversation; `count(turns)` counts the turns themselves",
        Scope.conversation,
    ),
    _amount("cost_per_conversation", "USD", "money of a conversation", scope=Scope.conversation, per=1_000_000_000),
    _amount("tokens_per_conversation", "tokens", "input and output tokens of a conversation", scope=Scope.conversation),
    Metric(
        "errors",
        Kind.share,
        "1",
        "turns that failed for good, over turns",
        Scope.turn,
        others="AIPerf: error_request_count",
    ),
    *_FAULTS,
    Metric("checks", Kind.share, "1", "checks that held, over checks", Scope.turn, Group.quality),
    Metric("dropped", Kind.share, "1", "arrivals without a free user, over arrivals that were due", Scope.conversation),
    Metric(
        "goodput",
        Kind.share,
        "1",
        "good conversations (completed, every check held, no latency limit missed), over all that came to an end of their own",
        Scope.conversation,
        others="vllm bench, AIPerf: goodput, of requests and per second",
    ),
    Metric("attempts", Kind.counter, "1", "attempts, retries too", Scope.attempt),
    Metric("conversations", Kind.counter, "1", "conversations that came to an end of their own", Scope.conversation),
    Metric("stalls", Kind.counter, "1", "gaps above max(1 s, 8 x the attempt's median gap)"),
    Metric(
        "turns_per_s",
        Kind.pace,
        "1/s",
        "turns that were answered, per second",
        Scope.turn,
        others="vllm bench, AIPerf: request_throughput; GuideLLM: requests_per_second",
    ),
    Metric(
        "output_tokens_per_s",
        Kind.pace,
        "1/s",
        "output tokens of all attempts, per second",
        others="vllm bench: output_throughput; GuideLLM: output_tokens_per_second; AIPerf: output_token_throughput",
    ),
    Metric(
        "conversations_per_s",
        Kind.pace,
        "1/s",
        "conversations that completed or ended as the scenario says, per second",
        Scope.conversation,
    ),
    Metric(
        "goodput_per_s",
        Kind.pace,
        "1/s",
        "good conversations per second",
        Scope.conversation,
        others="vllm bench: request_goodput",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
COUNTABLE = ("turns", "errors", "dropped", *(fault.name for fault in _FAULTS))
"""Metrics of another kind whose events `count(...)` counts too."""


def distributions() -> list[Metric]:
    """Return the metrics that have a histogram, in the order of reports."""
    return [metric for metric in _ALL if metric.kind is Kind.distribution]


_HEADS = {
    Kind.distribution: "Distributions: `p50` ... `p99.9`, `med`, `avg`, `min`, `max`, `count`, `sum`",
    Kind.share: "Shares, 0 to 1: `rate`",
    Kind.counter: "Counts: `count`",
    Kind.pace: "Per second: `value`",
}

_INTRO = """\
# Metrics

Generated from `krawall.metrics.catalog`; do not edit.

Times are measured on the monotonic clock. Times of replies are of attempts without a fault; attempts into which we
injected a fault are left out of every distribution. Quantiles are nearest-rank, from histograms with buckets at most
1/64 wide: within 0.8 %. Means, sums and counts are exact. Thresholds and rates read the phase `measure` only; rates are
over its span, from the first planned send to the last end. Conversations that we cut short (capped, abandoned) are in no
distribution.

`count(turns)`, `count(errors)`, `count(errors.KIND)` and `count(dropped)` count the events behind the metrics of those names.
"""


def to_markdown() -> str:
    """Return the reference page, `docs/reference/metrics.md`."""
    parts = [_INTRO]
    for kind, head in _HEADS.items():
        rows = [
            f"| `{metric.name}` | {metric.unit} | {metric.scope} | {metric.meaning} | {metric.others} | {metric.group} |"
            for metric in _ALL
            if metric.kind is kind
        ]
        table = ["| metric | unit | of | meaning | elsewhere | group |", "|---|---|---|---|---|---|", *rows]
        parts.append(f"## {head}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)
