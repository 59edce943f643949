"""What a tally keeps of one group of lines: counters, counts by name, histograms and the span of time they cover."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from krawall.metrics.histogram import Histogram, HistogramForm

NEVER = 1 << 62  # the first moment of a cell that has seen nothing, ns

NUMBERS = (
    "attempts",
    "turns",
    "ok",
    "events",
    "tokens_in",
    "tokens_out",
    "cached",
    "reasoning",
    "estimated",
    "cost_pico",
    "stalls",
    "good",
    "dropped",
)
COUNTS = ("errors", "failed", "statuses", "injected", "checks_ok", "checks_bad", "outcomes")
OWN_ENDS = ("completed", "ended", "failed")  # outcomes of conversations that we did not cut short


class CellForm(msgspec.Struct, array_like=True):
    """A cell as it travels: `numbers` and `counts` in the order of `NUMBERS` and `COUNTS`, statuses as text."""

    phase: str
    step: str
    turn: int
    first_ns: int
    last_ns: int
    numbers: list[int]
    counts: list[dict[str, int]]
    histograms: dict[str, HistogramForm]


class Cell:
    """The attempts of one (phase, step, turn), or the conversations of one phase, or a merge of such cells.

    `turns` are attempts that no further attempt followed, `ok` those of them without a fault. `errors` counts failed
    attempts by kind of fault, `failed` the turns that ended in one; faults that we injected are in `injected` alone.
    `events` are content events, `estimated` the tokens that the target did not report itself. `checks_ok` and
    `checks_bad` are by name of the check. Of conversations: `outcomes`, `good` (completed, no failed check, not slow)
    and `dropped` (arrivals without a free user). `first_ns` is the earliest planned moment, `last_ns` the latest end, ns
    since the session began. Every number is an integer, so no total depends on an order.
    """

    __slots__ = ("first_ns", "histograms", "last_ns", *COUNTS, *NUMBERS)

    def __init__(self) -> None:
        self.first_ns = NEVER
        self.last_ns = 0
        self.attempts = 0
        self.turns = 0
        self.ok = 0
        self.events = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.cached = 0
        self.reasoning = 0
        self.estimated = 0
        self.cost_pico = 0
        self.stalls = 0
        self.good = 0
        self.dropped = 0
        self.errors: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.statuses: dict[int, int] = {}
        self.injected: dict[str, int] = {}
        self.checks_ok: dict[str, int] = {}
        self.checks_bad: dict[str, int] = {}
        self.outcomes: dict[str, int] = {}
        self.histograms: defaultdict[str, Histogram] = defaultdict(Histogram)  # read with .get: [] makes one

    @property
    def span_ns(self) -> int:
        """From the earliest planned moment to the latest end; 0 when there is none."""
        return max(0, self.last_ns - self.first_ns)

    @property
    def own_ends(self) -> int:
        """Conversations that came to an end of their own: not those that we cut short (capped, abandoned)."""
        return sum(self.outcomes.get(name, 0) for name in OWN_ENDS)

    @property
    def checks(self) -> dict[str, list[int]]:
        """Checks by name, sorted: [ok, not ok]."""
        names = sorted(self.checks_ok.keys() | self.checks_bad.keys())
        return {name: [self.checks_ok.get(name, 0), self.checks_bad.get(name, 0)] for name in names}

    @property
    def empty(self) -> bool:
        """Whether nothing was counted."""
        return not any(getattr(self, name) for name in (*NUMBERS, *COUNTS))

    def merge(self, other: Cell) -> None:
        """Add what `other` holds."""
        self.first_ns = min(self.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in COUNTS:
            ours, theirs = getattr(self, name), getattr(other, name)
            for key, count in theirs.items():
                ours[key] = ours.get(key, 0) + count
        for name, histogram in other.histograms.items():
            self.histograms[name].merge(histogram)

    def minus(self, other: Cell) -> Cell:
        """Return what came after `other`, an earlier state of this cell. Its span begins where the earlier one ended.

        Raises:
            ValueError: `other` is not a part of this cell.
        """
        rest = Cell()
        rest.first_ns, rest.last_ns = (other.last_ns if other.last_ns else self.first_ns), self.last_ns
        for name in NUMBERS:
            setattr(rest, name, getattr(self, name) - getattr(other, name))
        for name in COUNTS:
            ours, theirs = getattr(self, name), getattr(other, name)
            left = {key: count - theirs.get(key, 0) for key, count in ours.items()}
            setattr(rest, name, {key: count for key, count in left.items() if count})
        for name, histogram in self.histograms.items():
            before = other.histograms.get(name)
            difference = histogram.minus(before) if before else histogram.copy()
            if difference.count:
                rest.histograms[name] = difference
        if any(number < 0 for number in rest.numbers()):
            raise ValueError("cannot subtract a cell that is not a part of this one")
        return rest

    def numbers(self) -> list[int]:
        """Return the plain counters in the order of `NUMBERS`."""
        return [getattr(self, name) for name in NUMBERS]

    def form(self, phase: str, step: str, turn: int) -> CellForm:
        """Return the cell as it travels."""
        counts = [{str(key): count for key, count in getattr(self, name).items()} for name in COUNTS]
        histograms = {name: histogram.form() for name, histogram in self.histograms.items()}
        return CellForm(phase, step, turn, self.first_ns, self.last_ns, self.numbers(), counts, histograms)

    @classmethod
    def of(cls, form: CellForm) -> Cell:
        """Return the cell that travelled as `form`."""
        cell = cls()
        cell.first_ns, cell.last_ns = form.first_ns, form.last_ns
        for name, number in zip(NUMBERS, form.numbers, strict=True):
            setattr(cell, name, number)
        for name, counts in zip(COUNTS, form.counts, strict=True):
            setattr(cell, name, counts)
        cell.statuses = {int(status): count for status, count in form.counts[COUNTS.index("statuses")].items()}
        for name, histogram in form.histograms.items():
            cell.histograms[name] = Histogram.of(histogram)
        return cell

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cell):
            return NotImplemented
        names = ("first_ns", "last_ns", "histograms", *NUMBERS, *COUNTS)
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None  # type: ignore[assignment]  # it changes
