"""From records to numbers, by the only road there is: used live, one line at a time, and again by recount.

Hot path: attempts wait in lists of their cell and are counted in batches; whoever reads, reads all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import msgspec

from krawall.metrics.cell import Cell, CellForm
from krawall.metrics.counting import count_batch, count_checks, count_conversation, count_dropped
from krawall.metrics.histogram import Histogram
from krawall.model.exchange import Checked, Dropped, Exchange, Line, Told

LAST_TURN = 32
MANY = LAST_TURN + 1  # the label of all later turns: cells must stay few, however long a conversation is
WHOLE = 0  # the turn label of cells that hold conversations; turns count from 1
BATCH = 64

Key = tuple[str, str, int]


class Tally:
    """Counters and histograms of a shard so far, by (phase, step, turn label). Cumulative, mergeable, subtractable.

    Turns after the 32nd share the label 33. The conversations of a phase are in the cell (phase, "", 0).
    """

    __slots__ = ("_cells", "_waiting")

    def __init__(self) -> None:
        self._cells: dict[Key, Cell] = {}
        self._waiting: dict[Key, list[Exchange]] = {}

    @property
    def cells(self) -> dict[Key, Cell]:
        """All cells, with nothing left to be counted."""
        for key, lines in self._waiting.items():
            if lines:
                count_batch(self._cell(key), lines)
                lines.clear()
        return self._cells

    def _cell(self, key: Key) -> Cell:
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell()
        return cell

    def add(self, line: Line) -> None:
        """Count one line of a session's log."""
        if isinstance(line, Exchange):
            turn = line.turn
            key = (line.phase, line.step, turn if turn <= LAST_TURN else MANY)
            waiting = self._waiting.get(key)
            if waiting is None:
                waiting = self._waiting[key] = []
            waiting.append(line)
            if len(waiting) >= BATCH:
                count_batch(self._cell(key), waiting)
                waiting.clear()
        elif isinstance(line, Told):
            count_conversation(self._cell((line.phase, "", WHOLE)), line)
        elif isinstance(line, Checked):
            turn = line.turn if line.turn <= LAST_TURN else MANY
            count_checks(self._cell((line.phase, line.step, turn)), line.checks)
        elif isinstance(line, Dropped):
            count_dropped(self._cell((line.phase, "", WHOLE)), line)
        else:
            assert_never(line)

    def merge(self, other: Tally) -> None:
        """Add what `other` holds."""
        for key, cell in other.cells.items():
            self._cell(key).merge(cell)

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
        before = other.cells
        if missing := before.keys() - self.cells.keys():
            raise ValueError(f"cannot subtract a tally that is not a part of this one: {sorted(missing)[0]}")
        rest = Tally()
        nothing = Cell()
        for key, cell in self.cells.items():
            difference = cell.minus(before.get(key, nothing))
            if not difference.empty:
                rest._cells[key] = difference
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
                tally._cells[(form.phase, form.step, form.turn)] = Cell.of(form)
        return tally

    def __eq__(self, other: object) -> bool:
        return self.cells == other.cells if isinstance(other, Tally) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes
