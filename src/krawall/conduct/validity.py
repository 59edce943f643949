"""Was the generator itself the bottleneck? Decides from the lags and the CPU that every shard reports."""

from __future__ import annotations

from collections.abc import Sequence

from krawall.metrics.histogram import Histogram
from krawall.model.progress import Health
from krawall.model.summary import Generator

LOOP_LAG_P99_MS = 30.0  # the event loop answers later than this once in a hundred looks
SEND_LAG_P99_MS = 50.0  # users start later than this once in a hundred times
WAITED_SHARE = 0.20  # of the CPU time that an engine wanted, so much went to others
WAITED_OF_WALL = 0.10  # ... and it was so much of the time: the odd wait of a process that hardly runs does no harm
OTHERS_SHARE = 0.80  # of the cores that the engine may use, so much was used by other processes
OTHERS_WAITED = 0.01  # ... and the engine was kept waiting for so much of the time
LEAST_LOOKS = 100  # 2 s of looks: in less, a p99 is the start-up of the process itself
LEAST_S = 2.5


def judge(loop_lag: Histogram, send_lag: Histogram, health: Sequence[Health]) -> Generator:
    """Return how the generator did; `valid` is False when its own lateness is in the numbers."""
    lag_ms = loop_lag.quantile(0.99) / 1e3 if loop_lag.count else 0.0
    late_ms = send_lag.quantile(0.99) / 1e3 if send_lag.count else 0.0
    cpu = max((one.cpu_s / one.wall_s for one in health if one.wall_s), default=0.0)
    reasons = []
    if loop_lag.count >= LEAST_LOOKS and lag_ms > LOOP_LAG_P99_MS:
        reasons.append(f"its event loop was {lag_ms:.0f} ms late at p99 (limit {LOOP_LAG_P99_MS:.0f} ms)")
    if send_lag.count >= LEAST_LOOKS and late_ms > SEND_LAG_P99_MS:
        reasons.append(f"it started turns {late_ms:.0f} ms late at p99 (limit {SEND_LAG_P99_MS:.0f} ms)")
    reasons += next(([reason] for one in health if (reason := _taken(one))), [])
    why = (
        "the generator was the bottleneck: "
        + "; ".join(reasons)
        + ". Free its core, use more --processes, or lower the load"
        if reasons
        else ""
    )
    return Generator(round(lag_ms, 3), round(late_ms, 3), round(cpu, 4), not reasons, why)


def _taken(one: Health) -> str:
    """Return what other processes took from an engine, or nothing."""
    if one.wall_s < LEAST_S:
        return ""
    wanted = one.cpu_s + one.waited_s
    if one.others > OTHERS_SHARE and one.waited_s > OTHERS_WAITED * one.wall_s:
        return f"other processes used {min(1.0, one.others):.0%} of its cores"
    if one.waited_s > WAITED_OF_WALL * one.wall_s and one.waited_s > WAITED_SHARE * wanted:
        return f"other processes took {one.waited_s / wanted:.0%} of the CPU time it needed"
    return ""
