"""Results as a session of a minute leaves them: a support bot that slows down in the middle and answers some turns with errors."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import msgspec
import pytest

from krawall.conduct.report import SampleConversation, SampleTurn
from krawall.model.summary import Conversations, Generator, Judged, Numbers, Part, Point, Rates, Summary, Tokens


def numbers(p50: float, *, count: int = 2461, unit: str = "ms", wide: float = 1.0) -> Numbers:
    return Numbers(
        count=count, min=p50 * 0.4, mean=p50 * 1.12, p50=p50, p75=p50 * (1 + 0.3 * wide), p90=p50 * (1 + 0.9 * wide),
        p95=p50 * (1 + 1.4 * wide), p99=p50 * (1 + 3.1 * wide), p999=p50 * (1 + 5 * wide), max=p50 * (1 + 6.2 * wide), unit=unit,
    )  # fmt: skip


def part(name: str, turns: int, p50: float, **errors: int) -> Part:
    metrics = {"ttft": numbers(p50 / 4, count=turns), "latency": numbers(p50, count=turns)}
    return Part(name=name, turns=turns, errors=errors, metrics=metrics)


def a_summary() -> Summary:
    return Summary(
        session="01jz8k3v6d9q", plan_hash="b3f2a9c41d7e", seed=4711, state="finished", outcome="completed", reason="",
        verdict="failed", exit_code=10,
        conversations=Conversations(planned=400, started=400, completed=381, failed=11, ended=6, capped=0, abandoned=2),
        turns=2461, attempts=2502, errors={"timeout": 9, "server": 21, "rate_limited": 14, "expectation": 4},
        metrics={
            "ttft": numbers(212), "latency": numbers(748), "latency_intended": numbers(811), "itl": numbers(18.2, count=88213),
            "tpot": numbers(17.6), "connect": numbers(1.84, count=38), "send_lag": numbers(0.31), "tokens.output": numbers(35.0, unit="tokens"), "cost": numbers(0.000168, unit="USD"), "amplification": numbers(0.36, unit="1"),
        },
        rates=Rates(turns_per_s=41.3, output_tokens_per_s=1480.2, conversations_per_s=6.6, goodput_per_s=6.1),
        tokens=Tokens(input=241_800, output=88_213, cached=12_400, reasoning=0, estimated=1204),
        cost_usd=0.4127,
        thresholds=[
            Judged("p95(latency) < 2s", 1795.2, "pass", "p95(latency) is 1795.2 ms, the limit is < 2000 ms"),
            Judged("p95(ttft) < 400ms", 508.8, "fail", "p95(ttft) is 508.8 ms, the limit is < 400 ms"),
            Judged("rate(errors) < 5%", 0.0192, "pass"),
            Judged("avg(cost_per_conversation) < 0.02", 0.00103, "pass"),
            Judged("p99(ttft) < 1s, step steps.2", 870.0, "undecided", "63 samples, at least 100 are needed"),
        ],
        generator=Generator(loop_lag_p99_ms=1.9, send_lag_p99_ms=0.9, cpu=0.38),
        directory="krawall-results/2026-03-03T14-02-11-late-parcel", name="Late parcel",
        target="http://127.0.0.1:8080/v1/chat/completions", statuses={"200": 2454, "429": 14, "500": 12, "503": 9},
        injected={"truncated": 3}, checks={"mentions the parcel number": [380, 4], "is valid JSON": [381, 0]},
        duration_s=61.4, started_at="2026-03-03T14:02:11.204Z",
        phases=[part("warm-up", 204, 690.0), part("measure", 2461, 748.0, timeout=9, server=21), part("cool-down", 80, 520.0)],
        steps=[part("greet", 400, 410.0), part("where is my parcel", 1642, 790.0, server=21), part("refund", 63, 930.0, timeout=9)],
        turn_parts=[part(str(i), 420 - 30 * i, 500.0 + 60 * i) for i in range(1, 7)],
    )  # fmt: skip


def some_points(length: int = 60) -> list[Point]:
    chance = random.Random(7)
    made = []
    for second in range(length):
        slow = 1.9 if 0.55 < second / length < 0.68 else 1.0
        base = (620 + 160 * math.sin(second / 7)) * slow * chance.uniform(0.93, 1.07)
        quiet = 0.4 < second / length < 0.43
        made.append(
            Point(
                at_s=second + 1.0, users=min(38, 4 + second * 3), turns=0 if quiet else int(41 * chance.uniform(0.85, 1.1)),
                errors=int(chance.random() * 7) if slow > 1 else int(chance.random() < 0.2),
                latency_p50=None if quiet else base, latency_p95=None if quiet else base * chance.uniform(1.9, 2.2),
                latency_p99=None if quiet or second < 4 else base * chance.uniform(2.6, 3.1),
                ttft_p50=None if quiet else base / 3.4, ttft_p95=None if quiet else base / 1.9,
                tokens_out=int(1480 * chance.uniform(0.9, 1.1)), cost_usd=0.0068 * chance.uniform(0.9, 1.1),
            )
        )  # fmt: skip
    return made


def some_buckets() -> list[tuple[float, float, int]]:
    low, made = 120.0, []
    while low < 6000:
        high = low * 1.012
        main = 60 * math.exp(-((math.log(low / 700) / 0.42) ** 2))
        tail = 2.2 * math.exp(-((math.log(low / 2900) / 0.22) ** 2))
        made.append((low, high, int(main + tail)))
        low = high
    return made


def some_samples() -> list[SampleConversation]:
    return [
        SampleConversation(
            12, "failed",
            [
                SampleTurn("Hi, my parcel KX-2281 is late.", "Hello! I am sorry to hear that. Let me look up parcel KX-2281 for you.", 604.0, 141.0),
                SampleTurn("It should have been here on Monday.", "It left the depot in Kassel on Sunday evening.\nThe driver marked it:\n  - held at the hub\n  - new attempt tomorrow, 9 to 12", 1211.0, 187.0),
                SampleTurn("I would like a refund.", "", 30000.0, None, "timeout: no reply within 30 s"),
            ],
        ),
        SampleConversation(31, "completed", [SampleTurn("مرحبا، أين طردي؟", "طردك في الطريق.", 512.0, 120.0), SampleTurn("Thanks!", "You are welcome.", 388.0, 99.0)]),
        SampleConversation(44, "ended", [SampleTurn("Bye", "", 12.0, None)]),
    ]  # fmt: skip


PLAN = """\
name: Late parcel
seed: 4711
target:
  connector: sse
  url: http://127.0.0.1:8080/v1/chat/completions
load:
  kind: closed
  users: 38
  duration: 60s
thresholds:
  - p95(latency) < 2s
  - p95(ttft) < 400ms
"""


@pytest.fixture
def summary() -> Summary:
    return a_summary()


@pytest.fixture
def points() -> list[Point]:
    return some_points()


@pytest.fixture
def buckets() -> list[tuple[float, float, int]]:
    return some_buckets()


@pytest.fixture
def samples() -> list[SampleConversation]:
    return some_samples()


@pytest.fixture
def plan() -> str:
    return PLAN


@pytest.fixture
def altered() -> Callable[..., Summary]:
    """Return the summary with some fields changed."""
    return lambda **changes: msgspec.structs.replace(a_summary(), **changes)
