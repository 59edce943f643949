"""Is the generator itself the bottleneck: loop lag, late starts, CPU it wanted and did not get."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

from krawall.metrics.histogram import Histogram
from krawall.model.base import NS_PER_S
from krawall.model.progress import Health

TICK_NS = 20_000_000


class Watcher:
    """Measures one engine process. `loop_lag` and `late` are histograms of microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.loop_lag = Histogram()
        self.late = Histogram()
        self._began = clock()
        self._cpu = _cpu_s()
        self._waited = run_delay_ns()
        self._busy = cores_busy_s()

    async def run(self) -> None:
        """Wake every 20 ms and note by how much too late, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = self._clock() + TICK_NS
            await asyncio.sleep(TICK_NS / NS_PER_S)
            # A timer of the loop may be early by its own resolution (1 ms on uvloop); late is what counts.
            self.loop_lag.record(max(0, self._clock() - due) // 1000)
            if loop.is_closed():
                return

    def woke(self, due_ns: int, at_ns: int) -> None:
        """A user that meant to wake at `due_ns` woke at `at_ns`."""
        self.late.record((at_ns - due_ns) // 1000 if at_ns > due_ns else 0)

    def health(self, users: int, in_flight: int, bodies_dropped: int) -> Health:
        """Return the totals so far."""
        waited = run_delay_ns()
        cpu, wall = _cpu_s() - self._cpu, (self._clock() - self._began) / NS_PER_S
        return Health(
            loop_lag=self.loop_lag.to_pairs(),
            send_lag=self.late.to_pairs(),
            cpu_s=cpu,
            wall_s=wall,
            waited_s=(waited - self._waited) / NS_PER_S,
            others=_share(cores_busy_s() - self._busy - cpu, wall),
            users=users,
            in_flight=in_flight,
            bodies_dropped=bodies_dropped,
        )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _share(others_s: float, wall_s: float) -> float:
    return max(0.0, others_s / (wall_s * len(_cores()))) if wall_s else 0.0


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


def cores_busy_s() -> float:
    """Return how long the cores that this process may use have been busy since the machine's start, s; 0 where nobody tells.

    Source: Linux, proc(5), /proc/stat: user, nice, system, irq, softirq and steal of each core.
    """
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0.0
    wanted = {f"cpu{core}" for core in _cores()}
    columns = [[int(number) for number in line.split()[1:9]] for line in lines if line.split(" ", 1)[0] in wanted]
    return sum(sum(column[:3]) + sum(column[5:8]) for column in columns) / os.sysconf("SC_CLK_TCK")


def run_delay_ns() -> int:
    """Return how long this process was ready to run while its core did something else, ns; 0 where the system does not tell.

    Source: Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat, second field (of the main thread).
    """
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
