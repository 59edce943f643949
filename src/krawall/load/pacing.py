"""When each user is alive, when each conversation arrives, and which phase a moment belongs to. Pure arithmetic over the load:
any shard finds its own part by itself, and the parts add up. Times are integer ns since the session began."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from itertools import count as count_from
from itertools import takewhile
from random import Random

from krawall.load.profile import Profile, Span
from krawall.model.load import Closed, Load, Open, Phase

__all__ = ["ClosedPacing", "OpenPacing", "Phases", "Span", "phase_at", "planned_conversations"]

# A rate times a length that is meant to be a whole number can come out one rounding step above it, and would then count as
# one arrival more.
_WHOLE = 1 - 1e-12


class ClosedPacing:
    """Users over time. `peak` is the most users that the load names, `length_ns` None when conversations alone end it."""

    def __init__(self, load: Closed) -> None:
        self.length_ns = load.length_ns
        self.peak = load.peak_users
        self._line = Profile(load.users, load.length_ns)

    def spans(self, user: int) -> list[Span]:
        """Return when `user` (0-based) is alive, which is while more than `user` users are asked for; ascending."""
        return self._line.above(user)

    def users_at(self, t_ns: int) -> float:
        """Return how many users are asked for at `t_ns`; 0 from the end of the timeline on."""
        return self._line.at(t_ns)


class OpenPacing:
    """Arrivals over time: evenly spaced in the integral of the rate, or a Poisson process with that rate, drawn from `seed`."""

    def __init__(self, load: Open, seed: int) -> None:
        self.length_ns = load.length_ns
        self._line = Profile(load.rate, load.length_ns)
        self._limit = load.conversations
        self._poisson = load.arrivals == "poisson"
        self._seed = seed

    def arrivals(self, index: int = 0, count: int = 1) -> Iterator[tuple[int, int]]:
        """Yield (j, at_ns) of every arrival with j = index modulo count, ascending; all are before `length_ns`.

        At a constant rate the first is at 0. Each call begins anew, and each shard draws the whole sequence.
        """
        passes = self._line.passes
        for j, mark in self._marks(index, count) if not self._poisson else self._drawn():
            if j % count == index:
                yield j, passes(mark)

    def _marks(self, index: int, count: int) -> Iterator[tuple[int, float]]:
        most = self._even()
        for j in count_from(index, count):
            if most is not None and j >= most:
                return
            yield j, float(j)

    def _drawn(self) -> Iterator[tuple[int, float]]:
        # A Poisson process with a changing rate is one of rate 1 on the axis of the integral (Çinlar 1975, theorem 4.7.1).
        rng, mark = Random(self._seed), 0.0
        for j in count_from():
            mark -= math.log(1.0 - rng.random())
            if mark >= self._line.total or (self._limit is not None and j >= self._limit):
                return
            yield j, mark

    def _even(self) -> int | None:
        if math.isinf(self._line.total):
            return self._limit
        whole = math.ceil(self._line.total * _WHOLE)
        return whole if self._limit is None else min(whole, self._limit)

    def before(self, t_ns: int) -> int:
        """Return how many arrivals are before `t_ns`. Draws the sequence of a Poisson process up to there."""
        if self._poisson:
            return sum(1 for _ in takewhile(lambda arrival: arrival[1] < t_ns, self.arrivals()))
        most = self._even()
        if most is None:
            most = 1
            while self._line.passes(float(most - 1)) < t_ns:
                most *= 2
        return bisect_left(range(most), t_ns, key=lambda j: self._line.passes(float(j)))

    def rate_at(self, t_ns: int) -> float:
        """Return the rate at `t_ns`, starts per second; 0 from the end of the timeline on."""
        return self._line.at(t_ns)

    def expected(self) -> float | None:
        """Return how many arrivals to expect: exact when evenly spaced, else the mean (capped); None without an end."""
        if not self._poisson:
            even = self._even()
            return None if even is None else float(even)
        most = self._line.total if self._limit is None else min(self._line.total, self._limit)
        return None if math.isinf(most) else most

    def planned(self) -> int | None:
        """Return how many arrivals there are, exactly; None without an end. Draws the whole sequence of a Poisson process."""
        if not self._poisson:
            return self._even()
        if math.isinf(self._line.total):
            return self._limit
        return sum(1 for _ in self._drawn())


class Phases:
    """The phases of one timeline. `measure` is the part that thresholds read; its end is None when the length is unknown.

    What starts after the timeline (late turns of a conversation) belongs to its last phase.
    """

    def __init__(self, load: Load) -> None:
        length_ns = load.length_ns
        self._warm_ns = load.warm_up
        self._cool_ns: float = math.inf
        end_ns = length_ns
        if length_ns is not None and load.cool_down:
            end_ns = self._cool_ns = max(0, length_ns - load.cool_down)
        start_ns = load.warm_up if length_ns is None else min(load.warm_up, length_ns)
        self.measure = Span(start_ns, None if end_ns is None else max(start_ns, end_ns))

    def at(self, t_ns: int) -> str:
        """Return the name of the phase at `t_ns`. Where they overlap, warm-up comes before cool-down."""
        if t_ns < self._warm_ns:
            return "warm-up"
        return "measure" if t_ns < self._cool_ns else "cool-down"


def phase_at(load: Load, t_ns: int) -> Phase:
    """Return the phase at `t_ns`. Keep a `Phases` where it is asked often."""
    return Phase(Phases(load).at(t_ns))


def planned_conversations(load: Load, seed: int) -> int | None:
    """Return how many conversations will start at most; None when only the time ends a closed load."""
    return load.conversations if isinstance(load, Closed) else OpenPacing(load, seed).planned()
