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
    """The running total of a shard. `tally` is encoded by metrics.tally; `spent` counts reservations still open as spent,
    `allowed` is the allowance that it obeys, `wants` the least that somebody waits for beyond it.

    `epoch` is the newest change of the load that the shard obeys, `before` how many conversations it had started when it
    began to; `highest` is the largest conversation number that it has started, -1: none. `idle`: it has nothing left to
    play, and stays only if it is told to.
    """

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
    epoch: int = 0
    before: int = 0
    highest: int = -1
    idle: bool = False
    allowed: Spend = Spend()
    wants: Spend = Spend()


class Adjusted(Record, frozen=True):
    """A change of the load while it plays: from `at_ns` on `users` users (closed model) or `rate` arrivals per second (open).

    `at_ns` is time of the timeline: ns since the session began, pauses left out. Conversations of this epoch have the numbers
    `base`, `base + 1`, ...; with `until` only the first so many of them may be played, and `more` says that `until` may still
    grow. `earlier` is a change that had not begun when this one was made: it holds until `at_ns`.
    """

    epoch: int
    base: int
    at_ns: int
    users: int | None = None
    rate: float | None = None
    until: int | None = None
    more: bool = False
    earlier: Adjusted | None = None


class Orders(Record, frozen=True):
    """What the control plane tells a shard. `go_at_ns` is on the machine's monotonic clock; 0: wait.

    `answers` is the `seq` of the report that they answer, 0: nobody asked. While `paused` no turn begins and the timeline
    stands still; `shift_ns` is for how long it has stood still before. `stay`: a shard with nothing left to play stays,
    because a change of the load may bring it work.
    """

    go_at_ns: int = 0
    stop: Literal["no", "drain", "now"] = "no"
    allowance: Spend | None = None
    reason: str = ""
    answers: int = 0
    paused: bool = False
    shift_ns: int = 0
    adjusted: Adjusted | None = None
    stay: bool = False


Report = Callable[[Progress], Awaitable[Orders]]
"""The only thing that a shard knows of the world."""
