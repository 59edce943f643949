"""The allowances of all shards, as the conductor keeps them while reports and orders are under way at different times.

`spend.divide` alone is safe only if all shards obeyed at once. Here an allowance that a shard was told counts as spent until
that shard's own report shows that it obeys a smaller one; only what is then free is given to others.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from msgspec.structs import astuple

from krawall.load.spend import add, divide, minus
from krawall.model.base import PICO_PER_USD, Record
from krawall.model.budget import Spend

SLICES = (
    20  # a shard may spend at most a twentieth of its part beyond what it holds: one that dies takes little with it
)
LEAST = Spend(
    cost_pico=PICO_PER_USD // 20, tokens=100_000, requests=200, conversations=200
)  # ... or this, if that is more


NOTHING = Spend()


class Kept(Record, frozen=True):
    """The state of the allowances of a session: what is left beside dead shards, and per shard what it held by its last
    report, was told, and may have spent."""

    left: Spend
    held: list[Spend]
    told: list[Spend]
    may: list[Spend]


class Allowances:
    """One per session, owned by the conductor.

    `kept`: go on from there, with the shards that are `present`. What was told since is known for certain once each of them
    has reported: until then nobody gets more than it may spend already.

    Invariant: over all shards, what each may have spent before its next report adds up to at most `total`.
    """

    def __init__(self, total: Spend, count: int, kept: Kept | None = None, present: Iterable[int] = ()) -> None:
        nothing = [Spend()] * count
        kept = kept or Kept(total, nothing, nothing, nothing)
        self._left = kept.left
        self._held = list(kept.held)
        self._told = list(kept.told)
        self._may = list(kept.may)
        self._unheard = set(present)
        self._slice = _larger(Spend(*(cap // (SLICES * count) for cap in astuple(total))), LEAST)

    def answer(self, index: int, held: Spend, allowed: Spend = NOTHING) -> Spend:
        """Return the next allowance of shard `index`, which reports that it holds `held` and obeys `allowed`.

        Reports and answers of a shard must take turns: when it reports, it obeys the last answer. A shard that has had no
        answer yet must have an allowance of nothing.
        """
        self._unheard.discard(index)
        self._held[index] = held
        sure = _larger(_larger(self._told[index], allowed), held)
        self._may[index] = sure
        free = minus(self._left, reduce(add, self._may))
        # A slice beyond what it holds, not beyond what it was told: an allowance that is not used up must not grow with
        # every report, or a shard that dies after a while takes everything with it.
        most = _smaller(divide(self._left, self._held)[index], add(held, self._slice))
        told = sure if self._unheard else add(sure, _smaller(minus(most, sure), _larger(free, NOTHING)))
        self._told[index] = told
        self._may[index] = _larger(sure, told)
        return told

    def taught(self, index: int, told: Spend) -> None:
        """Take in an allowance that shard `index` was told by somebody else: it may obey it, or still the one before."""
        self._unheard.add(index)
        self._told[index] = _larger(self._told[index], told)
        self._may[index] = _larger(self._may[index], told)

    def kept(self) -> Kept:
        """Return the state."""
        return Kept(self._left, list(self._held), list(self._told), list(self._may))

    def lost(self, index: int) -> None:
        """Count all that shard `index` may have spent as spent: it died. Its replacement begins with nothing held."""
        self._unheard.discard(index)
        self._left = _larger(minus(self._left, self._may[index]), Spend())
        self._held[index] = self._told[index] = self._may[index] = Spend()


def _larger(a: Spend, b: Spend) -> Spend:
    return Spend(*map(max, astuple(a), astuple(b)))


def _smaller(a: Spend, b: Spend) -> Spend:
    return Spend(*map(min, astuple(a), astuple(b)))
