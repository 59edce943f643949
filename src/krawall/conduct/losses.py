"""Attempts at shards that were lost: what they had done, and the gaps that they left."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S, Record
from krawall.model.progress import Progress
from krawall.model.summary import Gap


class Lost(Record, frozen=True):
    """An attempt that was lost: its last word, and the tally of its log where that is not what it had reported and more.

    What was answered in the last moments can have been reported and never reached the log. Charts go on from what was
    reported, for no second can take turns back; the result is what the log holds.
    """

    last: Progress
    counted: bytes = b""


class Losses:
    """Owned by the conductor. `number` counts lost attempts, those included that never said a word."""

    def __init__(self, past: Sequence[Lost] = (), number: int = 0, gaps: Sequence[Gap] = ()) -> None:
        self.past = list(past)
        self.number = number
        self.gaps = list(gaps)

    def add(self, shard: int, last: Progress | None, tally: Tally | None, began: bool, why: str) -> None:
        """An attempt was lost; `last` is its last report if there was one, `tally` what its log holds if that is known."""
        self.number += 1
        if last is not None:
            self.past.append(_lost(last, tally))
        if began and self._open(shard) is None:
            self.gaps.append(Gap(shard, max(0, last.at_ns) / NS_PER_S if last is not None else 0.0, None, why))

    def count(self, shard: int, attempt: int, tally: Tally) -> None:
        """The log of a lost attempt was read later."""
        for index, lost in enumerate(self.past):
            if (lost.last.shard, lost.last.attempt) == (shard, attempt):
                self.past[index] = _lost(lost.last, tally)

    def plays(self, progress: Progress) -> None:
        """A shard is played: the gap that it had is over."""
        if (gap := self._open(progress.shard)) is not None and progress.state in ("playing", "done"):
            gap.to_s = max(gap.from_s, progress.at_ns / NS_PER_S)

    def _open(self, shard: int) -> Gap | None:
        return next((gap for gap in self.gaps if gap.shard == shard and gap.to_s is None), None)


def _lost(last: Progress, tally: Tally | None) -> Lost:
    if tally is None:
        return Lost(last)
    try:
        tally.minus(Tally.decode(last.tally))
    except ValueError:
        return Lost(last, tally.encode())
    return Lost(msgspec.structs.replace(last, tally=tally.encode()))
