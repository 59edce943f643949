"""From records to numbers, by the only road there is: used live, one line at a time, and again by recount.

Hot path: plain counting, no allocation but integers, the cell looked up once an exchange.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import msgspec

from krawall.metrics.cell import Cell, CellForm
from krawall.metrics.histogram import Histogram
from krawall.model.exchange import Check, Checked, Dropped, Exchange, Line, Told

LAST_TURN = 32
MANY = LAST_TURN + 1  # the label of all later turns: cells must stay few, however long a conversation is
WHOLE = 0  # the turn label of cells that hold conversations; turns count from 1
STALL_US = 1_000_000

Key = tuple[str, str, int]


class Tally:
    """Counters and histograms of a shard so far, by (phase, step, turn label). Cumulative, mergeable, subtractable.

    Turns after the 32nd share the label 33. The conversations of a phase are in the cell (phase, "", 0).
    """

    __slots__ = ("cells",)

    def __init__(self) -> None:
        self.cells: dict[Key, Cell] = {}

    def add(self, line: Line) -> None:
        """Count one line of a session's log."""
        if isinstance(line, (Exchange, Checked)):
            turn = line.turn
            key = (line.phase, line.step, turn if turn <= LAST_TURN else MANY)
        else:
            key = (line.phase, "", WHOLE)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell()
        if isinstance(line, Exchange):
            _count_exchange(cell, line)
        elif isinstance(line, Told):
            _count_conversation(cell, line)
        elif isinstance(line, Checked):
            _count_checks(cell, line.checks)
        elif isinstance(line, Dropped):
            _count_dropped(cell, line)
        else:
            assert_never(line)

    def merge(self, other: Tally) -> None:
        """Add what `other` holds."""
        for key, cell in other.cells.items():
            ours = self.cells.get(key)
            if ours is None:
                ours = self.cells[key] = Cell()
            ours.merge(cell)

    def copy(self) -> Tally:
        """Return an independent copy."""
        twin = Tally()
        twin.merge(self)
        return twin

    def minus(self, other: Tally) -> Tally:
        """Return what was added after `other`, an earlier state of this tally: one point of a chart, or a window.

        Counts and sums are exact; the smallest and largest values are those of the outermost buckets.

        Raises:
            ValueError: `other` is not a part of this tally.
        """
        if missing := other.cells.keys() - self.cells.keys():
            raise ValueError(f"cannot subtract a tally that is not a part of this one: {sorted(missing)[0]}")
        rest = Tally()
        nothing = Cell()
        for key, cell in self.cells.items():
            difference = cell.minus(other.cells.get(key, nothing))
            if not difference.empty:
                rest.cells[key] = difference
        return rest

    def select(self, phase: str | None = None, step: str | None = None, turn: int | None = None) -> Iterator[Cell]:
        """Yield the cells that match; None matches all.

        A step matches itself and what is nested in it: `steps.2` also `steps.2.loop.0`. Naming a step or a turn leaves
        the conversations' cells out.
        """
        nested = None if step is None else step + "."
        for (of_phase, of_step, of_turn), cell in self.cells.items():
            if phase is not None and of_phase != phase:
                continue
            if turn is not None and of_turn != turn:
                continue
            if nested is None or of_step == step or of_step.startswith(nested):
                yield cell

    def view(self, phase: str | None = None, step: str | None = None, turn: int | None = None) -> Cell:
        """Return one cell, merged from those that `select` finds."""
        merged = Cell()
        for cell in self.select(phase, step, turn):
            merged.merge(cell)
        return merged

    def histogram(
        self, name: str, phase: str | None = None, step: str | None = None, turn: int | None = None
    ) -> Histogram:
        """Return one metric's histogram, merged over the cells that `select` finds: much cheaper than a whole view."""
        merged = Histogram()
        for cell in self.select(phase, step, turn):
            histogram = cell.histograms.get(name)
            if histogram is not None:
                merged.merge(histogram)
        return merged

    def encode(self) -> bytes:
        """Return the tally as msgpack."""
        return msgspec.msgpack.encode([cell.form(*key) for key, cell in self.cells.items()])

    @classmethod
    def decode(cls, data: bytes) -> Tally:
        """Return the tally that `encode` wrote; no bytes are an empty one.

        Raises:
            msgspec.DecodeError: the bytes are not a tally.
        """
        tally = cls()
        if data:
            for form in msgspec.msgpack.decode(data, type=list[CellForm]):
                tally.cells[(form.phase, form.step, form.turn)] = Cell.of(form)
        return tally

    def __eq__(self, other: object) -> bool:
        return self.cells == other.cells if isinstance(other, Tally) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes


def _count_exchange(cell: Cell, line: Exchange) -> None:
    fault = line.fault
    injected = line.injected
    if line.planned_ns < cell.first_ns:
        cell.first_ns = line.planned_ns
    if line.done_ns > cell.last_ns:
        cell.last_ns = line.done_ns
    cell.attempts += 1
    cell.events += line.events
    if line.final:
        cell.turns += 1
    if fault is None:
        if line.final:
            cell.ok += 1
        if injected is None:
            _record_reply(cell, line)
    else:
        _count_fault(cell, line)
    if injected is not None:
        cell.injected[injected] = cell.injected.get(injected, 0) + 1
    status = line.status
    if status is not None and (fault is None or not fault.injected):
        cell.statuses[status] = cell.statuses.get(status, 0) + 1
    if line.usage is not None:
        _count_usage(cell, line)
    if line.repetition >= 0 and injected is None:
        cell.histograms["repetition"].record(round(line.repetition * 1e6))
    if line.checks:
        _count_checks(cell, line.checks)


def _count_fault(cell: Cell, line: Exchange) -> None:
    fault = line.fault
    assert fault is not None
    kind = fault.kind.value
    if fault.injected:
        if line.injected is None:  # marked as ours on the fault alone
            cell.injected[kind] = cell.injected.get(kind, 0) + 1
        return
    cell.errors[kind] = cell.errors.get(kind, 0) + 1
    if line.final:
        cell.failed[kind] = cell.failed.get(kind, 0) + 1
    if line.sent_ns and line.injected is None:
        _record_sending(cell, line)


def _record_sending(cell: Cell, line: Exchange) -> None:
    # The time of dialling is the target's (or the network's), not our lateness.
    cell.histograms["send_lag"].record((line.sent_ns - line.planned_ns - line.connect_ns) // 1000)
    if line.connect_ns:
        cell.histograms["connect"].record(line.connect_ns // 1000)


def _record_reply(cell: Cell, line: Exchange) -> None:
    """Record the times of a reply without a fault, microseconds."""
    _record_sending(cell, line)
    histograms = cell.histograms
    sent = line.sent_ns
    token = line.token_ns
    if line.byte_ns:
        histograms["first_byte"].record((line.byte_ns - sent) // 1000)
    if line.event_ns:
        histograms["first_event"].record((line.event_ns - sent) // 1000)
    if line.seen_ns:
        histograms["ttft"].record((line.seen_ns - sent) // 1000)
    if token:
        histograms["ttft_any"].record((token - sent) // 1000)
    last = line.last_ns or line.done_ns
    histograms["latency"].record((last - sent) // 1000)
    histograms["latency_intended"].record((last - line.planned_ns) // 1000)
    if line.gaps_us:
        _record_gaps(cell, line.gaps_us)
    usage = line.usage
    if usage is not None and token and line.events > 1 and usage.tokens_out > 0:
        # The first event may bring several tokens: it is taken to bring its share. With one token an event this is
        # (last - first) / (tokens - 1).
        tokens_after = usage.tokens_out * (line.events - 1)
        histograms["tpot"].record((last - token) * line.events // tokens_after)


def _record_gaps(cell: Cell, gaps: list[int]) -> None:
    cell.histograms["itl"].record_many(gaps)
    longest = max(gaps)
    cell.histograms["itl_max"].record(longest)
    if longest > STALL_US:  # only then is the median worth a sort
        ordered = sorted(gaps)
        half = len(gaps) // 2
        median_twice = ordered[half] + ordered[~half]
        limit = max(STALL_US, 4 * median_twice)
        cell.stalls += sum(1 for gap in gaps if gap > limit)


def _count_usage(cell: Cell, line: Exchange) -> None:
    usage = line.usage
    assert usage is not None
    tokens_in, tokens_out, cost = usage.tokens_in, usage.tokens_out, usage.cost_pico
    cell.tokens_in += tokens_in
    cell.tokens_out += tokens_out
    cell.cached += usage.cached
    cell.reasoning += usage.reasoning
    cell.cost_pico += cost
    if usage.estimated:
        cell.estimated += tokens_in + tokens_out
    if line.injected is None:
        histograms = cell.histograms
        histograms["tokens.input"].record(tokens_in)
        histograms["tokens.output"].record(tokens_out)
        histograms["cost"].record(cost // 1000)
        if tokens_in > 0 and line.fault is None:
            histograms["amplification"].record(tokens_out * 1_000_000 // tokens_in)


def _count_checks(cell: Cell, checks: list[Check]) -> None:
    for check in checks:
        counts = cell.checks_ok if check.ok else cell.checks_bad
        counts[check.name] = counts.get(check.name, 0) + 1


def _count_conversation(cell: Cell, line: Told) -> None:
    cell.first_ns = min(cell.first_ns, line.planned_ns)
    cell.last_ns = max(cell.last_ns, line.done_ns)
    outcome = line.outcome
    cell.outcomes[outcome] = cell.outcomes.get(outcome, 0) + 1
    if outcome == "completed" and not line.checks_bad and not line.slow:
        cell.good += 1
    if outcome in ("capped", "abandoned"):  # cut short by us: its length and cost say nothing of the scenario
        return
    histograms = cell.histograms
    if outcome != "failed":  # a failure is often quick, and would flatter
        histograms["conversation_time"].record((line.done_ns - line.start_ns) // 1000)
    histograms["turns"].record(line.turns)
    histograms["cost_per_conversation"].record(line.cost_pico // 1000)
    histograms["tokens_per_conversation"].record(line.tokens_in + line.tokens_out)


def _count_dropped(cell: Cell, line: Dropped) -> None:
    cell.dropped += 1
    cell.first_ns = min(cell.first_ns, line.planned_ns)
    cell.last_ns = max(cell.last_ns, line.planned_ns)
