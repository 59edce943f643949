"""What a shard reports each second, and what it is told in return. Cumulative: a repeated or late report changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from krawall.model.base import Record
from krawall.model.budget import Spend


class Health(Record, frozen=True):
    """How the generator itself is doing. Lags are sparse histograms (see metrics.histogram), microseconds.

    `cpu_s`: CPU time used; `waited_s`: time it was ready to run while its core did something else, `others`: share 0..1 of the cores it may use that others used; of `wall_s` seconds.
    """

    loop_lag: list[list[int]] = []
    send_lag: list[list[int]] = []
    cpu_s: float = 0.0
    wall_s: float = 0.0
    waited_s: float = 0.0
    others: float = 0.0
    users: int = 0
    in_flight: int = 0
    bodies_dropped: int = 0


class Progress(Record, frozen=True):
    """The running total of a shard. `tally` is encoded by metrics.tally; `spent` counts reservations still open as spent."""

    shard: int
    attempt: int
    seq: int
    at_ns: int
    state: Literal["ready", "playing", "done", "failed"]
    tally: bytes = b""
    spent: Spend = Spend()
    settled: Spend = Spend()
    health: Health = Health()
    reason: str = ""
    stop: str = ""  # the shard asks the conductor to stop the session: the reason


class Orders(Record, frozen=True):
    """What the control plane tells a shard. `go_at_ns` is on the machine's monotonic clock; 0: wait."""

    go_at_ns: int = 0
    stop: Literal["no", "drain", "now"] = "no"
    allowance: Spend | None = None
    reason: str = ""


Report = Callable[[Progress], Awaitable[Orders]]
"""The only thing that a shard knows of the world."""
