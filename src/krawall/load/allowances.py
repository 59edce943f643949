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
        self._lacks: dict[int, Spend] = {}
        self._ended: set[int] = set()
        self._slice = _larger(Spend(*(cap // (SLICES * count) for cap in astuple(total))), LEAST)

    def answer(self, index: int, held: Spend, allowed: Spend = NOTHING, wants: Spend = NOTHING) -> Spend:
        """Return the next allowance of shard `index`, which reports that it holds `held`, obeys `allowed`, and waits for `wants`.

        Reports and answers of a shard must take turns: when it reports, it obeys the last answer. A shard that has had no
        answer yet must have an allowance of nothing.
        """
        if index in self._ended:
            return self._told[index]
        self._unheard.discard(index)
        self._held[index] = held
        self._lacks.pop(index, None)
        obeys = _larger(allowed, held)
        others = reduce(add, (may for other, may in enumerate(self._may) if other != index), NOTHING)
        # What it obeys already is its own, whatever is left. What another conductor may have told it since counts as spent,
        # and is not told again: it can be more than there is now.
        limit = obeys if self._unheard else _larger(obeys, minus(self._left, others))
        # A slice beyond what it holds, not beyond what it was told: an allowance that is not used up must not grow with
        # every report, or a shard that dies after a while takes everything with it.
        share = _smaller(divide(self._left, self._held)[index], add(held, self._slice))
        lacked = reduce(_larger, self._lacks.values(), NOTHING)
        told = Spend(*map(_told, *map(astuple, (held, share, wants, limit, lacked))))
        lacks = minus(add(held, wants), told)
        self._lacks[index] = Spend(
            *(want if lack > 0 else 0 for want, lack in zip(astuple(wants), astuple(lacks), strict=True))
        )
        self._may[index] = _larger(_larger(obeys, self._told[index]), told)
        self._told[index] = told
        return told

    def ended(self, index: int, held: Spend) -> None:
        """Take in the last report of shard `index`, which plays no more: it will never spend more than it holds."""
        self._unheard.discard(index)
        self._lacks.pop(index, None)
        self._ended.add(index)
        self._held[index] = self._told[index] = self._may[index] = held

    def lacks(self, index: int) -> Spend:
        """Return what shard `index` wanted, by its last report, of caps that had too little of it to give."""
        return self._lacks.get(index, NOTHING)

    def unspent(self) -> Spend:
        """Return what no shard holds, by their last reports, and none that died may have spent."""
        return minus(self._left, reduce(add, self._held))

    def taught(self, index: int, told: Spend) -> None:
        """Take in an allowance that shard `index` was told by somebody else: it may obey it, or still the one before."""
        if index in self._ended:
            return
        self._unheard.add(index)
        self._told[index] = _larger(self._told[index], told)
        self._may[index] = _larger(self._may[index], told)

    def kept(self) -> Kept:
        """Return the state."""
        return Kept(self._left, list(self._held), list(self._told), list(self._may))

    def lost(self, index: int) -> None:
        """Count all that shard `index` may have spent as spent: it died. Its replacement begins with nothing held."""
        self._unheard.discard(index)
        self._lacks.pop(index, None)
        self._ended.discard(index)
        self._left = _larger(minus(self._left, self._may[index]), Spend())
        self._held[index] = self._told[index] = self._may[index] = Spend()


def _told(held: int, share: int, wants: int, limit: int, lacked: int) -> int:
    """Return what a shard is told of one cap: its share, within the limit.

    When what is left is too little for shares to be of use, those who wait come first: whoever wants something gets all of it
    or gives back what it cannot use, and as long as somebody lacks something, nobody else keeps anything in store.
    """
    told = min(limit, max(min(share, held) if lacked else share, held + wants))
    return told if told >= held + wants else min(told, held)


def _larger(a: Spend, b: Spend) -> Spend:
    return Spend(*map(max, astuple(a), astuple(b)))


def _smaller(a: Spend, b: Spend) -> Spend:
    return Spend(*map(min, astuple(a), astuple(b)))
