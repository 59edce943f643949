"""What happens to each request: refused, failed, queued, cut short. Seeded, stateful, pure; times in ns.

Draws come from one generator per purpose, in order of arrival: the same seed and the same sequence of requests meet the
same fates, and changing one distribution does not disturb the others.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Literal

import msgspec

from krawall.mockbot.behaviour import Behaviour, Bucket, Limit, Rules, Station
from krawall.mockbot.manner import Kind

Cut = Literal["", "truncate", "disconnect", "error"]


class Fate(msgspec.Struct):
    """The decision. `base_ns` is when the capacity model has served the request, `cut_at` the share of the reply sent before a cut.

    The cut error is an error said in the middle of a stream; a whole reply does not know it.
    """

    base_ns: int
    status: int = 200
    retry_after_s: float | None = None
    cut: Cut = ""
    cut_at: float = 0.0
    kind: Kind = "text"


class Fates:
    """Decides for one server under one behaviour; made anew when either is reset."""

    def __init__(self, behaviour: Behaviour, epoch_ns: int) -> None:
        seed = behaviour.seed
        self._faults = Random(f"{seed} faults")
        self._balancer = Random(f"{seed} balancer")
        self._service = Random(f"{seed} service")
        self._times = Random(f"{seed} times")
        self._kinds = Random(f"{seed} kinds")
        self._stations = [Station(behaviour.servers) for _ in range(behaviour.stations)]
        self._buckets: dict[Limit, Bucket] = {}
        freeze = behaviour.freeze
        self._freeze_ns = epoch_ns + round(freeze.at_s * 1e9) if freeze else 0
        self._thaw_ns = self._freeze_ns + round(freeze.for_s * 1e9) if freeze else 0

    def thaw(self, now_ns: int) -> int:
        """Return when sending is allowed again: now, or the end of the freeze."""
        return self._thaw_ns if self._freeze_ns <= now_ns < self._thaw_ns else now_ns

    def decide(self, rules: Rules, received_ns: int) -> Fate:
        """Decide on the next request. Refused and failed requests occupy no server."""
        if rules.limit and not self._bucket(rules.limit).take(received_ns):
            return Fate(received_ns, status=429, retry_after_s=rules.limit.retry_after_s)
        if rules.errors:
            draw = self._faults.random()
            for bound, status in rules.errors:
                if draw < bound:
                    return Fate(received_ns, status=status)
        fate = Fate(self._served(rules, received_ns))
        if rules.truncate or rules.disconnect or rules.stream_error:
            draw, fate.cut_at = self._faults.random(), self._faults.random()
            if draw < rules.disconnect:
                fate.cut = "disconnect"
            elif draw < rules.disconnect + rules.truncate:
                fate.cut = "truncate"
            elif draw < rules.disconnect + rules.truncate + rules.stream_error:
                fate.cut = "error"
        if rules.tools or rules.refusal:
            draw = self._kinds.random()
            fate.kind = "refusal" if draw < rules.refusal else "tool" if draw < rules.refusal + rules.tools else "text"
        return fate

    def reply_due(self, rules: Rules, fate: Fate) -> int:
        """Draw when a whole reply is due: at once for 429, else after the latency."""
        return fate.base_ns if fate.retry_after_s is not None else fate.base_ns + rules.latency.draw(self._times)

    def token_dues(self, rules: Rules, fate: Fate, tokens: int) -> list[int] | range:
        """Draw when each token is due: absolute times, so that no rounding of timers adds up."""
        first = fate.base_ns + rules.first_token.draw(self._times)
        gap = rules.gap.fixed
        if gap:
            return range(first, first + tokens * gap, gap)
        if gap == 0:
            return [first] * tokens
        return list(accumulate((rules.gap.draw(self._times) for _ in range(tokens - 1)), initial=first))

    def _served(self, rules: Rules, received_ns: int) -> int:
        stations = self._stations
        station = stations[0] if len(stations) == 1 else stations[self._balancer.randrange(len(stations))]
        return station.complete(received_ns, rules.service.draw(self._service))

    def _bucket(self, limit: Limit) -> Bucket:
        bucket = self._buckets.get(limit)
        if bucket is None:
            bucket = self._buckets[limit] = Bucket(limit)
        return bucket
