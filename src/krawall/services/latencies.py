"""How fast targets answered in many sessions at once: the sessions' own histograms, merged. Percentiles are never averaged."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

import msgspec

from krawall.metrics.histogram import Histogram, HistogramForm
from krawall.metrics.summary import numbers
from krawall.metrics.tally import Tally
from krawall.model.base import Record
from krawall.model.load import Phase
from krawall.model.summary import Numbers
from krawall.store.database import Transaction

NAMES = ("latency", "ttft")
_REMEMBERED = 8
_decode = msgspec.msgpack.Decoder(dict[str, HistogramForm]).decode


class Times(Record, frozen=True):
    """Response times and times to first token of some sessions, ms; None: nothing was measured. `sessions`: how many those were."""

    sessions: int = 0
    latency: Numbers | None = None
    ttft: Numbers | None = None


class Kept(Protocol):
    """Where the sessions' histograms are."""

    async def ended(self, since_ns: int, until_ns: int, tx: Transaction | None = None) -> list[str]:
        """Return the ids of the finished sessions of a stretch of time."""

    async def latencies(self, since_ns: int, until_ns: int, tx: Transaction | None = None) -> list[bytes]:
        """Return what `kept` made of each."""


def kept(tally: Tally) -> bytes:
    """Return the histograms of a session that others are merged with: of the measure phase, as msgpack."""
    return msgspec.msgpack.encode({name: tally.histogram(name, Phase.measure).form() for name in NAMES})


def merged(bodies: list[bytes]) -> Times:
    """Return the times of all these sessions together; each body is one that `kept` made."""
    totals = {name: Histogram() for name in NAMES}
    for body in bodies:
        for name, form in _decode(body).items():
            totals[name].merge(Histogram.of(form))
    found = {name: numbers(total, name) for name, total in totals.items() if total.count}
    return Times(len(bodies), found.get("latency"), found.get("ttft"))


class Latencies:
    """Times by stretch of time. Histograms of finished sessions never change, so the same sessions are merged once."""

    def __init__(self, store: Kept) -> None:
        self._store = store
        self._known: OrderedDict[tuple[str, ...], Times] = OrderedDict()

    async def over(self, since_ns: int, until_ns: int, tx: Transaction | None = None) -> Times:
        """Return the times of the finished sessions created from `since_ns` until before `until_ns`.

        Raises:
            Unavailable: the database is away.
        """
        key = tuple(await self._store.ended(since_ns, until_ns, tx))
        found = self._known.get(key)
        if found is None:
            found = merged(await self._store.latencies(since_ns, until_ns, tx)) if key else Times()
        self._known[key] = found
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found
