"""Token bucket over a clock that the caller reads: at most `burst` at once, `rate_per_s` in the long run.

Kept as one number, the moment at which the bucket would be full again (the generic cell rate algorithm, ITU-T I.371).
"""

from __future__ import annotations

import math

from krawall.model.base import NS_PER_S


class TokenBucket:
    """Hands out slots in the order it is asked; full at `now_ns`. Any window of t seconds has at most rate x t + burst slots.

    The gap between slots is rounded up to whole ns, so the rate is never above what was asked for.

    Raises:
        ValueError: the rate is not above 0, or the burst below 1.
    """

    def __init__(self, rate_per_s: float, burst: int, now_ns: int = 0) -> None:
        if rate_per_s <= 0 or burst < 1:
            raise ValueError(f"a bucket needs a rate above 0 and a burst of at least 1, not {rate_per_s} and {burst}")
        self._gap_ns = math.ceil(NS_PER_S / rate_per_s)
        self._slack_ns = (burst - 1) * self._gap_ns
        self._full_ns = now_ns

    def take(self, now_ns: int) -> int:
        """Reserve the next slot, always, and return how long to wait for it, ns."""
        full_ns = max(self._full_ns, now_ns)
        self._full_ns = full_ns + self._gap_ns
        return max(0, full_ns - self._slack_ns - now_ns)

    def try_take(self, now_ns: int) -> bool:
        """Take a slot if one is free now; else leave the bucket as it is."""
        if self._full_ns - self._slack_ns > now_ns:
            return False
        self._full_ns = max(self._full_ns, now_ns) + self._gap_ns
        return True
