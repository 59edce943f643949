"""Protection stops: a target that is going down is left alone. Loopback targets are the tester's own and are exempt."""

from __future__ import annotations

from collections import deque

from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S
from krawall.model.exchange import FaultKind

LOOK_BACK_NS = 15 * NS_PER_S
MOST_ERRORS = 0.6
LEAST_TURNS = 50
COLLAPSE = 10.0  # times the p50 of the first look-back
COLLAPSE_FLOOR_US = 5_000_000
HURT = (FaultKind.connect, FaultKind.timeout, FaultKind.server, FaultKind.truncated, FaultKind.rate_limited)


class Protection:
    """Watches the last 15 s of a session. One per session. `first_p50_us`: the median latency of the first of them."""

    def __init__(self, tier: str, first_p50_us: float | None = None) -> None:
        self._exempt = tier == "loopback"
        self._states: deque[tuple[int, Tally]] = deque()
        self.first_p50_us = first_p50_us

    def look(self, merged: Tally, elapsed_ns: int) -> str:
        """Return why the session must stop, or nothing. Called once a second; keeps `merged`."""
        if self._exempt:
            return ""
        self._states.append((elapsed_ns, merged))
        while len(self._states) > 1 and self._states[1][0] <= elapsed_ns - LOOK_BACK_NS:
            self._states.popleft()
        if elapsed_ns - self._states[0][0] < LOOK_BACK_NS:
            return ""
        recent = merged.minus(self._states[0][1])
        return self._error_share(recent) or self._collapse(recent)

    def _error_share(self, recent: Tally) -> str:
        cell = recent.view()
        hurt = sum(count for kind, count in cell.errors.items() if kind in HURT)
        if cell.attempts >= LEAST_TURNS and hurt >= MOST_ERRORS * cell.attempts:
            return f"{hurt} of the last {cell.attempts} attempts failed; the target seems to be going down"
        return ""

    def _collapse(self, recent: Tally) -> str:
        latency = recent.histogram("latency")
        if latency.count < LEAST_TURNS:
            return ""
        p50 = latency.quantile(0.5)
        if self.first_p50_us is None:
            self.first_p50_us = p50
        if p50 > COLLAPSE_FLOOR_US and p50 > COLLAPSE * self.first_p50_us:
            return f"the median latency went from {self.first_p50_us / 1e3:.0f} ms to {p50 / 1e3:.0f} ms; the target seems to be going down"
        return ""
