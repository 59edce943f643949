"""What a session says of itself: the one object that `run --json`, `recount --json`, reports and the live view share. Times are ms."""

from __future__ import annotations

import msgspec


class Conversations(msgspec.Struct):
    """Conversations by what became of them. `planned` is None when only time ends the session."""

    planned: int | None = None
    started: int = 0
    completed: int = 0
    failed: int = 0
    ended: int = 0
    capped: int = 0
    abandoned: int = 0
    dropped: int = 0


class Numbers(msgspec.Struct):
    """One metric, from a merged histogram. `unit` says what the numbers are; quantiles are within 1 %."""

    count: int
    min: float
    mean: float
    p50: float
    p75: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float
    unit: str


class Rates(msgspec.Struct):
    """Per second of the measure phase."""

    turns_per_s: float = 0.0
    output_tokens_per_s: float = 0.0
    conversations_per_s: float = 0.0
    goodput_per_s: float = 0.0


class Tokens(msgspec.Struct):
    """Token counts; `estimated` of them were not reported by the target."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    estimated: int = 0


class Judged(msgspec.Struct):
    """One threshold: its text, the value it saw (None: nothing to see), pass, fail or undecided, and why."""

    text: str
    value: float | None
    outcome: str
    why: str = ""


class Generator(msgspec.Struct):
    """How the generator itself did. `cpu`: share of one core, the busiest process. `why` is empty when valid."""

    loop_lag_p99_ms: float = 0.0
    send_lag_p99_ms: float = 0.0
    cpu: float = 0.0
    valid: bool = True
    why: str = ""


class Part(msgspec.Struct):
    """The numbers of one step, one turn index or one phase."""

    name: str
    turns: int
    errors: dict[str, int]
    metrics: dict[str, Numbers]


class Gap(msgspec.Struct):
    """A stretch in which nobody played a shard: from the last report of the lost attempt to the first of its replacement.

    Seconds since the session began; `to_s` None: until the end.
    """

    shard: int
    from_s: float
    to_s: float | None
    why: str


class Pause(msgspec.Struct):
    """A stretch in which a person had paused the session; the timeline stood still. Seconds since the session began."""

    from_s: float
    to_s: float | None


class Summary(msgspec.Struct):
    """The result of a session. `metrics` and `rates` are of the measure phase; counts are of the whole session."""

    session: str
    plan_hash: str
    seed: int
    state: str
    outcome: str
    reason: str
    verdict: str
    exit_code: int
    conversations: Conversations
    turns: int
    attempts: int
    errors: dict[str, int]
    metrics: dict[str, Numbers]
    rates: Rates
    tokens: Tokens
    cost_usd: float
    thresholds: list[Judged]
    generator: Generator
    directory: str
    name: str = ""
    target: str = ""
    statuses: dict[str, int] = {}
    injected: dict[str, int] = {}
    checks: dict[str, list[int]] = {}  # name -> [ok, not ok]
    duration_s: float = 0.0
    started_at: str = ""
    phases: list[Part] = []
    steps: list[Part] = []
    turn_parts: list[Part] = msgspec.field(default_factory=list, name="by_turn")
    lost: dict[
        str, int
    ] = {}  # what the log could not keep: bodies, torn lines, processes, attempts in flight with them
    gaps: list[Gap] = []
    pauses: list[Pause] = []


class Point(msgspec.Struct):
    """One second of a session for charts. Times ms, of the last `over_s` seconds; None: too few samples. `kinds`: errors by kind; `cached` is part of `tokens_in`."""

    at_s: float
    users: int
    turns: int
    errors: int
    latency_p50: float | None
    latency_p95: float | None
    latency_p99: float | None
    ttft_p50: float | None
    ttft_p95: float | None
    tokens_out: int
    cost_usd: float
    kinds: dict[str, int] = {}
    tokens_in: int = 0
    cached: int = 0
    over_s: int = 1


class Picture(msgspec.Struct):
    """The state of a running session for a live view."""

    name: str
    target: str
    state: str
    phase: str
    elapsed_s: float
    length_s: float | None
    left_s: float | None
    progress: float | None  # 0..1
    users: int
    in_flight: int
    conversations: Conversations
    turns: int
    turns_per_s: float
    errors: dict[str, int]
    metrics: dict[str, Numbers]  # latency, ttft, whole session so far
    recent: dict[str, Numbers]  # the same, last seconds
    tokens: Tokens
    cost_usd: float
    cost_cap_usd: float
    warning: str = ""
    paused: bool = False
    wanted_users: int | None = None  # what a change asked for
    wanted_rate: float | None = None  # the same, arrivals per second
