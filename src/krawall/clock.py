"""The two clocks. Latency is measured on the monotonic clock only; the wall clock dates a session, once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

monotonic_ns = time.monotonic_ns  # ns; on Linux CLOCK_MONOTONIC, the same for every process of a machine


def wall_ns() -> int:
    """Return the wall clock, ns since 1970-01-01 UTC."""
    return time.time_ns()


def iso(ns: int) -> str:
    """Return a wall-clock time as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
