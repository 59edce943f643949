"""What to do about a fault: the scenario's rules, else its default, else a table by kind. Also notices a wrong key."""

from __future__ import annotations

from random import Random

from krawall.model.base import Record
from krawall.model.exchange import Fault, FaultKind
from krawall.model.policy import Action, OnError, Rule

REJECTIONS_IN_A_ROW = 10

_RETRY = Rule(do="retry")
_ONCE = Rule(do="retry", max=1)
_END = Rule(do="end")

BY_KIND: dict[FaultKind, Rule] = {
    FaultKind.rate_limited: _RETRY,
    FaultKind.connect: _RETRY,
    FaultKind.timeout: _ONCE,
    FaultKind.server: _ONCE,
    FaultKind.truncated: _ONCE,
    FaultKind.rejected: _END,
    FaultKind.protocol: _END,
    FaultKind.tls: _END,
    FaultKind.expectation: _END,
    FaultKind.cancelled: _END,
}
"""What happens to a fault that neither a rule nor the scenario's default speaks of."""


class Decision(Record, frozen=True):
    """What comes next: `retry` the turn after `wait_ns`, `skip` the turn, `end` the conversation, `abort` the session."""

    action: Action
    wait_ns: int = 0


def decide(fault: Fault, attempt: int, policy: OnError, rng: Random) -> Decision:
    """Return what to do after `attempt` (1-based) ended in `fault`.

    A cancelled fault always ends the conversation: we stopped it ourselves, so no rule may bring it back or blame it.

    Args:
        fault: what went wrong.
        attempt: how many tries at this turn there were.
        policy: the scenario's.
        rng: draws the jitter; take one that no text is drawn from, or faults would change what is said.
    """
    if fault.kind is FaultKind.cancelled:
        return Decision("end")
    rule = _rule(fault, policy)
    if rule.do != "retry":
        return Decision(rule.do)
    least_ns = fault.retry_after_ns or 0
    if attempt > rule.max or least_ns > rule.cap:
        return Decision(rule.then)
    wait_ns = _wait(rule, attempt)
    if rule.jitter:
        wait_ns = round(wait_ns * (1.0 - rule.jitter * rng.random()))
    return Decision("retry", max(wait_ns, least_ns))


def _rule(fault: Fault, policy: OnError) -> Rule:
    for rule in policy.rules:
        if not (rule.status or rule.kind) or fault.status in rule.status or fault.kind in rule.kind:
            return rule
    return BY_KIND[fault.kind] if policy.default is None else Rule(do=policy.default)


def _wait(rule: Rule, attempt: int) -> int:
    # Step by step instead of a power, which a large factor would carry out of the range of a float.
    wait = float(rule.wait)
    for _ in range(attempt - 1):
        if not 0 < wait < rule.cap:
            break
        wait *= rule.factor
    return round(min(rule.cap, wait))


class Streak:
    """Counts attempts in a row that the target rejected for our credentials: a wrong key is not load.

    Lives as long as a shard. Once `tripped` it stays so.
    """

    def __init__(self, most: int = REJECTIONS_IN_A_ROW) -> None:
        self._most = most
        self._length = 0
        self.tripped = False

    def record(self, fault: Fault | None) -> None:
        """Take note of one attempt; None: it went well. What we made up or stopped ourselves says nothing of the key."""
        if fault is not None:
            if fault.injected or fault.kind is FaultKind.cancelled:
                return
            if fault.kind is FaultKind.rejected and fault.status in (401, 403):
                self._length += 1
                self.tripped = self.tripped or self._length >= self._most
                return
        self._length = 0
