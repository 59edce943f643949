"""The machine under a bench: two cores, processes pinned to them that end with the bench, and what other processes took."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"
HZ = os.sysconf("SC_CLK_TCK")
DISTURBED = 0.12  # cores that other processes used
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def cores() -> tuple[int, int]:
    """Return the server's core and the client's core.

    Raises:
        SystemExit: there is only one.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("the bench needs two cores: one for the server, one for the client")
    return allowed[0], allowed[1]


SERVER, CLIENT = cores()


def _settle(core: int) -> None:
    """In the new process: stay on one core, end when the bench does, open as many files as may be."""
    os.sched_setaffinity(0, {core})
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def process(command: Sequence[str | Path], core: int, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process on a core; it is gone when the block is left."""
    child = subprocess.Popen(
        [str(part) for part in command], preexec_fn=partial(_settle, core), stdin=subprocess.DEVNULL, text=True, **options
    )  # fmt: skip
    try:
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[str]) -> None:
    """End a process that we started: asked first, killed after 5 s."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Quiet:
    """Measures, while its block runs, what processes other than the bench's used of the two cores: `others`, in cores.

    `servers` are the bench's own processes that go on after the block; those that end within it are known from their parent.
    """

    def __init__(self, *servers: int) -> None:
        self._servers = servers
        self.others = 0.0

    def __enter__(self) -> Quiet:
        self._began, self._busy, self._own = time.monotonic(), _busy_s(), self._own_s()
        return self

    def __exit__(self, *_: object) -> None:
        others = (_busy_s() - self._busy) - (self._own_s() - self._own)
        self.others = round(max(0.0, others / (time.monotonic() - self._began)), 3)

    def _own_s(self) -> float:
        return sum(os.times()[:4]) + sum(cpu_s(pid) for pid in self._servers)


def _busy_s() -> float:
    """Return what both cores did so far outside interrupts, s: user, nice, system, steal (proc(5), /proc/stat)."""
    wanted = {f"cpu{core}" for core in (SERVER, CLIENT)}
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return sum(int(line[place]) for line in lines if line[0] in wanted for place in (1, 2, 3, 8)) / HZ


def cpu_s(pid: int) -> float:
    """Return what a process has used so far, s; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / HZ


@dataclass(frozen=True)
class Look:
    """One look at an engine process: when (monotonic ns), CPU used and CPU waited for (s), memory (Pss, KB)."""

    at_ns: int
    cpu_s: float
    waited_s: float
    pss_kb: int


def look(pid: int) -> Look | None:
    """Return what the process looks like now; None when it is gone."""
    try:
        schedule = Path(f"/proc/{pid}/schedstat").read_text().split()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    pss = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return Look(time.monotonic_ns(), cpu_s(pid), int(schedule[1]) / 1e9, pss)


def engine_of(parent: int) -> int | None:
    """Return the engine process under a session's parent process, once there is one."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return next(
            (int(pid) for pid in children if b"krawall.engine.process" in Path(f"/proc/{pid}/cmdline").read_bytes()), None
        )  # fmt: skip
    except OSError:
        return None
