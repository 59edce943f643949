"""What a change of the load means for each shard: who plays which conversations from when. Pure arithmetic, as in `pacing`.

Each change is an epoch with conversation numbers of its own; epoch 0 is the load as it was planned. Times are ns of the
timeline.
"""

from __future__ import annotations

from collections.abc import Iterator

from krawall.load.pacing import ClosedPacing, OpenPacing, Span
from krawall.model.base import Record
from krawall.model.load import Closed, Open
from krawall.model.progress import Adjusted

STRIDE = 10_000_000  # conversation numbers of an epoch


def next_base(epoch: int, base: int, highest: int) -> int:
    """Return the first conversation number of `epoch`: `epoch` x STRIDE, and more only where numbers could meet.

    Args:
        epoch: the new epoch.
        base: that of the epoch before.
        highest: the largest number that any shard has reported; half a STRIDE is left for what it has begun since.
    """
    above = -(-(highest + STRIDE // 2) // STRIDE) * STRIDE
    return max(epoch * STRIDE, base + STRIDE, above)


class Lane(Record, frozen=True):
    """What one user plays in one epoch: while it is alive in `spans`, the conversations `first`, `first + step`, ... below `end`.

    `end` None: there is no end. `more`: `end` may still grow.
    """

    epoch: int
    spans: list[Span]
    first: int
    step: int
    end: int | None
    more: bool = False


class Lanes:
    """The lanes of a closed load, whatever epoch it is in."""

    def __init__(self, load: Closed) -> None:
        self._load = load
        self._pacing = ClosedPacing(load)

    def users(self, adjusted: Adjusted | None) -> int:
        """Return how many users there are at most."""
        return self._pacing.peak if adjusted is None or adjusted.users is None else adjusted.users

    def of(self, user: int, adjusted: Adjusted | None) -> Lane | None:
        """Return the lane of `user`, or None when there is no such user."""
        users = self.users(adjusted)
        if user >= users:
            return None
        if adjusted is None:
            return Lane(0, self._pacing.spans(user), user, users, self._load.conversations)
        length_ns = self._load.length_ns
        spans = [Span(adjusted.at_ns, length_ns)] if length_ns is None or adjusted.at_ns < length_ns else []
        end = None if adjusted.until is None else adjusted.base + adjusted.until
        return Lane(adjusted.epoch, spans, adjusted.base + user, users, end, adjusted.more)


def arrivals(
    load: Open, adjusted: Adjusted | None, seed: int, index: int = 0, count: int = 1
) -> Iterator[tuple[int, int]]:
    """Yield (conversation number, at_ns) of the arrivals of an epoch that shard `index` of `count` takes, ascending."""
    pacing, base, at_ns = _pacing(load, adjusted, seed)
    if pacing is not None:
        for number, after_ns in pacing.arrivals(index, count):
            yield base + number, at_ns + after_ns


def arrived(load: Open, adjusted: Adjusted | None, seed: int, before_ns: int) -> int:
    """Return how many arrivals of an epoch are before a moment, over all shards."""
    pacing, _, at_ns = _pacing(load, adjusted, seed)
    return 0 if pacing is None else pacing.before(before_ns - at_ns)


def _pacing(load: Open, adjusted: Adjusted | None, seed: int) -> tuple[OpenPacing | None, int, int]:
    """Return the arrivals of an epoch from 0 on, its first number, and when it begins."""
    if adjusted is None:
        return OpenPacing(load, seed), 0, 0
    rest_ns = None if load.length_ns is None else load.length_ns - adjusted.at_ns
    if adjusted.rate is None or (rest_ns is not None and rest_ns <= 0):
        return None, 0, 0
    change = {"rate": adjusted.rate, "duration": rest_ns, "conversations": adjusted.until}
    return OpenPacing(load.model_copy(update=change), seed + (adjusted.epoch << 64)), adjusted.base, adjusted.at_ns
