"""A histogram of non-negative integers with one fixed layout, so that any two can be merged and subtracted.

Values below 128 have a bucket each. Above, every power of two is split in 64 equal buckets, so a bucket is at most
1/64 of its lower edge wide and its midpoint is within 0.8 % of any value in it. The layout is that of HdrHistogram
(Tene) with other constants. Only buckets that hold something are kept.
"""

from __future__ import annotations

from collections import Counter
from math import ceil

import msgspec

_EXACT = 128
_LIMIT = 1 << 62  # keeps every number of the wire format below 64 bits; larger values count as this one


def bucket_of(value: int) -> int:
    """Return the index of the bucket that holds `value`, 0 or more."""
    if value < _EXACT:
        return value
    shift = value.bit_length() - 7
    return (shift << 6) + (value >> shift)


def lower_edge(index: int) -> int:
    """Return the smallest value of a bucket."""
    if index < _EXACT:
        return index
    return ((index & 63) + 64) << ((index >> 6) - 1)


def upper_edge(index: int) -> int:
    """Return the largest value of a bucket."""
    return lower_edge(index + 1) - 1


class HistogramForm(msgspec.Struct, array_like=True):
    """A histogram as it travels between processes. The sum is cut in two, so that no number needs more than 64 bits."""

    low: int
    high: int
    total_high: int
    total_low: int
    buckets: dict[int, int]


class Histogram:
    """Counts of values by bucket, with the exact count, sum (`total`), `min` and `max`. Owned and changed by one tally.

    The sum is an integer, so it does not depend on the order of records or merges. A negative value (two clock reads
    out of order) counts as 0.
    """

    __slots__ = ("buckets", "count", "high", "low", "total")

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.count = 0
        self.total = 0
        self.low = _LIMIT
        self.high = -1

    @property
    def min(self) -> int:
        """The smallest value, 0 when empty."""
        return self.low if self.count else 0

    @property
    def max(self) -> int:
        """The largest value, 0 when empty."""
        return self.high if self.count else 0

    @property
    def mean(self) -> float:
        """The exact mean, 0 when empty."""
        return self.total / self.count if self.count else 0.0

    def record(self, value: int) -> None:
        """Count one value."""
        if value < self.low:
            if value < 0:
                value = 0
            self.low = value
        if value > self.high:
            if value > _LIMIT:
                value = _LIMIT
            self.high = value
        self.count += 1
        self.total += value
        if value >= 128:  # the body of bucket_of, and the constant: a call and a global cost as much as the rest
            shift = value.bit_length() - 7
            value = (shift << 6) + (value >> shift)
        try:
            self.buckets[value] += 1
        except KeyError:  # once a bucket; cheaper than asking first
            self.buckets[value] = 1

    def record_many(self, values: list[int], buckets: list[int] | None = None) -> list[int]:
        """Count many values; `values` is not changed. Return their buckets, which can be given for the same values again."""
        if not values:
            return []
        low, high = min(values), max(values)
        if low < 0 or high > _LIMIT:
            values = [0 if value < 0 else _LIMIT if value > _LIMIT else value for value in values]
            low, high = min(values), max(values)
            buckets = None
        if low < self.low:
            self.low = low
        if high > self.high:
            self.high = high
        self.count += len(values)
        self.total += sum(values)
        if buckets is None:  # the comprehension is bucket_of, written out
            buckets = (
                values
                if high < _EXACT
                else [
                    value if value < 128 else ((shift := value.bit_length() - 7) << 6) + (value >> shift)
                    for value in values
                ]
            )
        self.buckets.update(buckets)  # counts in C
        return buckets

    def merge(self, other: Histogram) -> None:
        """Add what `other` holds."""
        buckets = self.buckets
        get = buckets.get
        for index, count in other.buckets.items():
            buckets[index] = get(index, 0) + count
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)

    def minus(self, other: Histogram) -> Histogram:
        """Return what was recorded here after `other`, an earlier state of this histogram.

        Buckets, count and sum are exact. Which values were the smallest and the largest is no longer known, so `min`
        and `max` are those of the outermost buckets (within 1.6 %).

        Raises:
            ValueError: `other` is not a part of this histogram.
        """
        if not other.count:
            return self.copy()
        rest = self.copy()
        for index, count in other.buckets.items():
            left = rest.buckets.get(index, 0) - count
            if left < 0:
                raise ValueError("cannot subtract a histogram that is not a part of this one")
            if left:
                rest.buckets[index] = left
            else:
                del rest.buckets[index]
        rest.count -= other.count
        rest.total -= other.total
        if rest.count:
            rest.low = max(self.low, lower_edge(min(rest.buckets)))
            rest.high = min(self.high, upper_edge(max(rest.buckets)))
        else:
            rest.low, rest.high = _LIMIT, -1
        return rest

    def copy(self) -> Histogram:
        """Return an independent copy."""
        twin = Histogram()
        twin.buckets = self.buckets.copy()
        twin.count, twin.total, twin.low, twin.high = self.count, self.total, self.low, self.high
        return twin

    def quantile(self, q: float) -> float:
        """Return the value at rank ceil(q * count), the nearest-rank quantile, within 0.8 %; 0 when empty.

        Raises:
            ValueError: `q` is not within 0 and 1.
        """
        return self.quantiles([q])[0]

    def quantiles(self, qs: list[float]) -> list[float]:
        """Return several quantiles, sorting the buckets once.

        Raises:
            ValueError: one of them is not within 0 and 1, or they do not ascend.
        """
        if not all(0 <= q <= 1 for q in qs) or qs != sorted(qs):
            raise ValueError(f"quantiles must ascend within 0 and 1, not {qs}")
        if not self.count:
            return [0.0] * len(qs)
        found: list[float] = []
        buckets = iter(sorted(self.buckets.items()))
        seen, index = 0, 0
        for q in qs:
            # 0.55 * 100 is 55.000000000000007 in floating point: a rank must not jump for it.
            rank = max(1, ceil(q * self.count - 1e-9 * self.count))
            while seen < rank:
                index, count = next(buckets)
                seen += count
            middle = (lower_edge(index) + upper_edge(index)) / 2
            found.append(min(max(middle, float(self.low)), float(self.high)))
        return found

    def to_pairs(self) -> list[list[int]]:
        """Return the sparse form, for JSON and msgpack: `[]` when empty, else three head pairs and the buckets.

        `[min, max], [total // 2**32, total % 2**32], [bucket, count], ...` with buckets ascending. The sum is cut in two
        so that no number needs more than 64 bits. The count is the sum of the buckets' counts.
        """
        if not self.count:
            return []
        head = [[self.low, self.high], [self.total >> 32, self.total & 0xFFFFFFFF]]
        return head + [[index, count] for index, count in sorted(self.buckets.items())]

    def form(self) -> HistogramForm:
        """Return the histogram as it travels; it shares the buckets, so encode it before the next record."""
        return HistogramForm(self.low, self.high, self.total >> 32, self.total & 0xFFFFFFFF, self.buckets)

    @classmethod
    def of(cls, form: HistogramForm) -> Histogram:
        """Return the histogram that travelled as `form`."""
        made = cls()
        made.low, made.high = form.low, form.high
        made.total = (form.total_high << 32) + form.total_low
        made.buckets = Counter(form.buckets)
        made.count = sum(form.buckets.values())
        return made

    @classmethod
    def from_pairs(cls, pairs: list[list[int]]) -> Histogram:
        """Return the histogram that `to_pairs` wrote.

        Raises:
            ValueError: it is not that form.
        """
        made = cls()
        if not pairs:
            return made
        if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):
            raise ValueError("not a histogram: expected [min, max], [total high, total low], [bucket, count], ...")
        made.low, made.high = pairs[0]
        made.total = (pairs[1][0] << 32) + pairs[1][1]
        made.buckets = Counter(dict(pairs[2:]))  # type: ignore[arg-type]  # pairs are lists of two
        made.count = sum(made.buckets.values())
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.buckets == other.buckets and (self.total, self.min, self.max) == (other.total, other.min, other.max)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Histogram(count={self.count}, min={self.min}, mean={self.mean:.6g}, max={self.max})"
