"""Mean latency of a queue against theory: the mock bot as 100 independent M/M/1 stations behind a random balancer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

from krawall.load.pacing import OpenPacing
from krawall.model.load import Open
from servers import Bot
from sessions import doubt, played, scenario, trouble
from table import Table

STATIONS = 100
SERVICE_S = 0.04
SEED = 1
WARM_UP_S = 10


def queueing(table: Table, server: Bot, short: bool) -> None:
    """At 50 % and at 80 % load: the mean against 1 / (mu - lambda), and against the very path that the seeds draw."""
    for load, seconds in ((0.5, 8), (0.8, 8)) if short else ((0.5, 40), (0.8, 50)):
        _one(table, server, load, seconds, 4 if short else WARM_UP_S)


def _one(table: Table, server: Bot, load: float, seconds: int, warm_up_s: int) -> None:
    rate = STATIONS * load / SERVICE_S
    server.behave(stations=STATIONS, servers=1, service=f"exp({SERVICE_S * 1e3:g}ms)", latency="0ms", seed=SEED)
    arriving = {
        "rate": rate, "arrivals": "poisson", "duration": f"{seconds}s", "warm-up": f"{warm_up_s}s", "max users": 10_000,
    }  # fmt: skip
    with played(
        table, [server.pid], scenario(server.url, arriving, {"message": "Hello."}, seed=SEED), seconds + 60
    ) as session:
        summary = session.summary
        if wrong := trouble(summary):
            raise RuntimeError(f"queue at {load:.0%}: {wrong}")
    expected = theory_s(load) * 1e3
    path, error = sample_path(arrivals(rate, seconds), warm_up_s)
    mean: float = summary["metrics"]["latency"]["mean"]
    note = f"{summary['metrics']['latency']['count']:,} arrivals; sampling error {error / theory_s(load):.1%}{doubt(summary)}"
    table.raw[f"queue {load}"] = {"mean": mean, "theory": expected, "path": path * 1e3, "error": error * 1e3}
    table.add(
        "truth",
        f"M/M/1 at {load:.0%}: mean latency off 1/(mu - lambda)",
        (mean / expected - 1) * 100,
        "%",
        most=5,
        note=note,
    )
    table.add("truth", f"M/M/1 at {load:.0%}: off the path that its seeds draw", (mean / path / 1e3 - 1) * 100, "%")


def theory_s(load: float) -> float:
    """Return the mean time in an M/M/1 system, s: 1 / (mu - lambda)."""
    return SERVICE_S / (1 - load)


def arrivals(rate: float, seconds: int) -> list[float]:
    """Return when conversations arrive, s: the session's own schedule."""
    drawn: dict[str, Any] = {"rate": rate, "arrivals": "poisson", "duration": f"{seconds}s"}
    return [at_ns / 1e9 for _, at_ns in OpenPacing(Open.model_validate(drawn), SEED).arrivals()]


def sample_path(schedule: Sequence[float], warm_up_s: float) -> tuple[float, float]:
    """Return the mean time in the system after the warm-up and its standard error as an estimate of theory, s.

    Lindley's recursion per station, with the draws that the bot makes from its seed in order of arrival. Stations are
    independent, so the error is that of a ratio estimate over 100 clusters (Cochran, Sampling Techniques, section 6.4).
    """
    balancer, service = Random(f"{SEED} balancer"), Random(f"{SEED} service")
    free, sums, numbers = [0.0] * STATIONS, [0.0] * STATIONS, [0] * STATIONS
    for at in schedule:
        station = balancer.randrange(STATIONS)
        free[station] = done = max(at, free[station]) - SERVICE_S * math.log(1.0 - service.random())
        if at >= warm_up_s:
            sums[station] += done - at
            numbers[station] += 1
    mean = sum(sums) / sum(numbers)
    spread = sum((total - mean * number) ** 2 for total, number in zip(sums, numbers, strict=True))
    return mean, math.sqrt(spread) / sum(numbers)
