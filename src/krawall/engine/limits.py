"""Our own limits towards the target, in one shard: the pace of messages, the rate of an unproven host, the circuit breaker."""

from __future__ import annotations

from collections.abc import Callable

from krawall.engine.course import Course
from krawall.engine.program import Program
from krawall.load.breaker import CircuitBreaker
from krawall.load.bucket import TokenBucket
from krawall.load.striping import share
from krawall.model.target import Pace


class Limits:
    """One per shard. `any`: there is a limit to wait for; `breaking`: a breaker wants to know how attempts ended."""

    def __init__(self, program: Program, course: Course, clock: Callable[[], int]) -> None:
        pace, spec = program.target.pace, program.spec
        self._course = course
        self._clock = clock
        self._breaker = CircuitBreaker(program.policy.breaker) if program.policy.breaker else None
        self._buckets = [_bucket(pace, spec.index, spec.count)] if pace and pace.when_empty == "wait" else []
        if rate := program.plan.granted.requests_per_s:
            self._buckets.append(TokenBucket(rate / spec.count, 1))
        self._strict = _bucket(pace, spec.index, spec.count) if pace and pace.when_empty != "wait" else None
        self.breaking = self._breaker is not None
        self.any = bool(self._buckets) or self.breaking or self._strict is not None

    def refuse(self) -> bool:
        """Tell whether the target's pace says not to wait, and its bucket is empty."""
        return self._strict is not None and not self._strict.try_take(self._clock())

    async def wait(self) -> None:
        """Wait until a message may go out.

        Raises:
            Stopped: the session ends.
        """
        for bucket in self._buckets:
            wait = bucket.take(self._clock())
            if wait:
                await self._course.sleep_until(self._clock() + wait)
        while self._breaker and not self._breaker.allow(self._clock()):
            await self._course.sleep_until(self._clock() + max(1_000_000, self._breaker.wait_ns(self._clock())))

    def learn(self, ok: bool) -> None:
        """Tell the breaker how an attempt ended."""
        if self._breaker:
            self._breaker.record(ok, self._clock())


def _bucket(pace: Pace, index: int, count: int) -> TokenBucket:
    return TokenBucket(pace.rate / count, max(1, share(pace.burst, index, count)))
