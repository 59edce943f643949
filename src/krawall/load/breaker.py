"""Circuit breaker: leaves a target alone that fails too often.

state      event                          next       what it means
closed     a fault, `faults` of `window`  open       rest begins
closed     anything else                  closed     counted
open       allow, rest not over           open       refused
open       allow, rest over               half-open  this one is the probe
open       a late result                  open       ignored: it was sent before
half-open  allow, probe out               half-open  refused
half-open  allow, probe out for a rest    half-open  a new probe, for the first may have been cancelled
half-open  a good result                  closed     with an empty window
half-open  a fault                        open       rest begins again

A result does not say which attempt it belongs to: in half-open a late one from before counts as the probe's.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from krawall.model.policy import Breaker

State = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """One per shard. `state` is the state; times are ns since the session began and do not go back."""

    def __init__(self, policy: Breaker) -> None:
        self.state: State = "closed"
        self._faults = policy.faults
        self._rest_ns = policy.rest
        self._last: deque[bool] = deque(maxlen=policy.window)
        self._bad = 0
        self._until_ns = 0

    def allow(self, now_ns: int) -> bool:
        """Return whether an attempt may be sent now. After a rest the one that is told so is the probe."""
        if self.state == "closed":
            return True
        if now_ns < self._until_ns:
            return False
        self.state = "half-open"
        self._until_ns = now_ns + self._rest_ns
        return True

    def wait_ns(self, now_ns: int) -> int:
        """Return how long it is worth waiting until `allow` is asked again, ns; 0: it would say yes now."""
        return 0 if self.state == "closed" else max(0, self._until_ns - now_ns)

    def record(self, ok: bool, now_ns: int) -> None:
        """Take note of one result."""
        if self.state == "closed":
            self._count(ok)
            if self._bad >= self._faults:
                self._rest(now_ns)
        elif self.state == "half-open":
            if ok:
                self.state = "closed"
            else:
                self._rest(now_ns)

    def _count(self, ok: bool) -> None:
        last = self._last
        if len(last) == last.maxlen:
            self._bad -= not last[0]
        last.append(ok)
        self._bad += not ok

    def _rest(self, now_ns: int) -> None:
        self.state = "open"
        self._until_ns = now_ns + self._rest_ns
        self._last.clear()
        self._bad = 0
