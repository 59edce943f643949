"""What the shards of a session have reported: the newest word of each, lost attempts, and what each may spend."""

from __future__ import annotations

from krawall.conduct.losses import Losses
from krawall.conduct.saved import Saved
from krawall.load.allowances import Allowances
from krawall.load.spend import add
from krawall.metrics.histogram import Histogram
from krawall.metrics.tally import Tally
from krawall.model.budget import Spend
from krawall.model.progress import Health, Progress

ENDED = ("done", "failed")
PATIENCE = 2  # answers in vain, in which every shard says what it gives back


class Reports:
    """Owned by the conductor. `newest` is the newest word by shard, `told` the allowance that answered it."""

    def __init__(self, total: Spend, shards: int, saved: Saved) -> None:
        self.newest = {progress.shard: progress for progress in saved.progress}
        self.losses = Losses(saved.past, saved.losses, saved.gaps)
        self.told = dict(saved.told)
        self.floor = dict(saved.floor)  # the least attempt at each shard that counts
        self.allowances = Allowances(total, shards, saved.allowances, self.newest)
        for progress in saved.progress:
            self._close(progress)
        self._hungry: dict[int, int] = {}

    def late(self, progress: Progress) -> bool:
        """Say whether a report is older than the newest, or of an attempt that counts no more."""
        known = self.newest.get(progress.shard)
        if progress.attempt < self.floor.get(progress.shard, 0):
            return True
        return known is not None and (progress.attempt, progress.seq) < (known.attempt, known.seq)

    def repeated(self, progress: Progress) -> bool:
        """Say whether a report is the newest one again."""
        known = self.newest.get(progress.shard)
        return known is not None and (progress.attempt, progress.seq) == (known.attempt, known.seq)

    def take(self, progress: Progress) -> bool:
        """Keep a report. True: it is of a new attempt, and the one before it was lost, though nobody had said so."""
        replaced = self.attempt(progress.shard, progress.attempt)
        self.newest[progress.shard] = progress
        self.losses.plays(progress)
        self._close(progress)
        return replaced

    def _close(self, progress: Progress) -> None:
        """Leave to the others what a shard that plays no more did not use."""
        if progress.state in ENDED:
            self.allowances.ended(progress.shard, progress.spent)

    def attempt(self, shard: int, attempt: int) -> bool:
        """An attempt at a shard is there. True: the one before it was lost, though nobody had said so."""
        known = self.newest.get(shard)
        replaced = known is not None and known.attempt < attempt
        if replaced:
            self.lost(shard, None, None, True, "another attempt took its place")
        self.floor[shard] = max(self.floor.get(shard, 0), attempt)
        return replaced

    def lost(self, shard: int, tally: Tally | None, attempt: int | None, began: bool, why: str) -> bool:
        """An attempt was lost, None: the newest. False: it was lost already, and only gets its tally."""
        last = self.newest.get(shard)
        if attempt is not None and attempt < (last.attempt if last is not None else self.floor.get(shard, 0)):
            if tally is not None:
                self.losses.count(shard, attempt, tally)
            return False
        for known in (self.newest, self._hungry, self.told):
            known.pop(shard, None)
        self.allowances.lost(shard)
        ended = attempt if attempt is not None else last.attempt if last is not None else -1
        self.floor[shard] = max(self.floor.get(shard, 0), ended + 1)
        self.losses.add(shard, last, tally, began, why)
        return True

    def allow(self, progress: Progress) -> Spend:
        """Return the next allowance of the shard that reports."""
        shard = progress.shard
        told = self.allowances.answer(shard, progress.spent, progress.allowed, progress.wants)
        self._hungry[shard] = self._hungry.get(shard, 0) + 1 if _of(self.allowances.lacks(shard), progress.stop) else 0
        self.told[shard] = told
        return told

    def starving(self, progress: Progress) -> bool:
        """Say whether a cap is reached: a shard has asked again for more than is left, and no turn is in flight anywhere."""
        if self._hungry.get(progress.shard, 0) <= PATIENCE or self.in_flight:
            return False
        return _of(progress.wants, progress.stop) > _of(self.allowances.unspent(), progress.stop)

    # readings ---------------------------------------------------------------------------------------

    def merge(self, reported: bool) -> Tally:
        """Return the sum over all attempts; of lost ones what they had `reported`, for charts, or what their logs hold."""
        whole = Tally()
        past = [lost.last.tally if reported else lost.counted or lost.last.tally for lost in self.losses.past]
        for tally in [*past, *(progress.tally for progress in self.newest.values())]:
            if tally:
                whole.merge(Tally.decode(tally))
        return whole

    @property
    def past(self) -> list[Progress]:
        """The last words of lost attempts."""
        return [lost.last for lost in self.losses.past]

    @property
    def all(self) -> list[Progress]:
        """The last words of all attempts."""
        return [*self.past, *self.newest.values()]

    @property
    def idle(self) -> bool:
        """Whether no shard has anything left to play."""
        return all(report.idle or report.state == "done" for report in self.newest.values())

    @property
    def in_flight(self) -> int:
        """Turns under way."""
        return sum(progress.health.in_flight for progress in self.newest.values())

    @property
    def spent(self) -> Spend:
        """What all attempts have spent for certain, lost ones by their last report."""
        whole = Spend()
        for progress in self.all:
            whole = add(whole, progress.settled)
        return whole

    @property
    def health(self) -> list[Health]:
        """The health of every attempt."""
        return [progress.health for progress in self.all]

    def lag(self, which: str) -> Histogram:
        """Return the merged histogram `loop_lag` or `send_lag` of all attempts, microseconds."""
        whole = Histogram()
        for health in self.health:
            whole.merge(Histogram.from_pairs(getattr(health, which)))
        return whole


def _of(spend: Spend, stop: str) -> int:
    """Return the amount of a spend that a shard's words mean, `cap: tokens`."""
    cap = stop.removeprefix("cap: ")
    amount: int = getattr(spend, "cost_pico" if cap == "cost" else cap, 0)
    return amount
