"""A piecewise linear line over time: its value, its integral turned round, and where it lies above a level. All closed forms.

Time is integer ns, values are users or starts per second, integrals are value x seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from krawall.model.base import NS_PER_S, Record
from krawall.model.load import RateStage, Stage


class Span(Record, frozen=True):
    """From `start_ns` up to, not including, `end_ns`; None: no end is known."""

    start_ns: int
    end_ns: int | None


class _Piece(Record, frozen=True):
    """One linear part from `first` to `last`, never empty. `before` is the integral up to its start."""

    start_ns: int
    end_ns: int | None
    first: float
    last: float
    before: float


class Profile:
    """The line of a number (constant for `length_ns`) or of stages; starts from 0, and is 0 outside its length.

    A stage of no length is a step. At a step the line has the later value already.
    """

    def __init__(self, shape: float | Sequence[Stage | RateStage], length_ns: int | None) -> None:
        self._pieces: list[_Piece] = []
        self.total = 0.0
        if isinstance(shape, (int, float)):
            self._append(0, length_ns, shape, shape)
        else:
            start_ns, value = 0, 0.0
            for stage in shape:
                if stage.over:
                    self._append(start_ns, start_ns + stage.over, value, stage.to)
                start_ns, value = start_ns + stage.over, stage.to
        self._starts = [piece.start_ns for piece in self._pieces]
        self._after = [piece.before for piece in self._pieces[1:]] + [self.total]

    def _append(self, start_ns: int, end_ns: int | None, first: float, last: float) -> None:
        if end_ns is not None and end_ns <= start_ns:
            return
        self._pieces.append(_Piece(start_ns, end_ns, first, last, self.total))
        if end_ns is not None:
            self.total += (first + last) / 2 * (end_ns - start_ns) / NS_PER_S
        elif last > 0:
            self.total = math.inf

    def at(self, t_ns: int) -> float:
        """Return the value at `t_ns`."""
        index = bisect_right(self._starts, t_ns) - 1
        if index < 0:
            return 0.0
        piece = self._pieces[index]
        if piece.end_ns is None:
            return piece.last
        if t_ns >= piece.end_ns:
            return 0.0
        return piece.first + (piece.last - piece.first) * (t_ns - piece.start_ns) / (piece.end_ns - piece.start_ns)

    def passes(self, integral: float) -> int:
        """Return the moment, ns, when the integral passes `integral`, which must be from 0 up to, not including, `total`.

        Where the line rests at 0 that is the end of the rest. Within a ramp from f with slope a the integral after x seconds
        is fx + ax²/2; the root is written as 2y / (f + sqrt(f² + 2ay)), which loses no digits when a is near 0.
        """
        piece = self._pieces[bisect_right(self._after, integral)]
        rest = integral - piece.before
        if piece.end_ns is None:
            return piece.start_ns + round(rest / piece.first * NS_PER_S)
        length_ns = piece.end_ns - piece.start_ns
        slope = (piece.last - piece.first) / length_ns * NS_PER_S
        below = piece.first + math.sqrt(max(0.0, piece.first * piece.first + 2 * slope * rest))
        after_s = 2 * rest / below if below else 0.0
        return piece.start_ns + min(round(after_s * NS_PER_S), length_ns - 1)

    def above(self, level: float) -> list[Span]:
        """Return where the line is greater than `level`, ascending; spans that touch are one."""
        spans: list[Span] = []
        for piece in self._pieces:
            span = _above(piece, level)
            if span is None:
                continue
            if spans and spans[-1].end_ns == span.start_ns:
                span = Span(spans.pop().start_ns, span.end_ns)
            spans.append(span)
        return spans


def _above(piece: _Piece, level: float) -> Span | None:
    starts, ends = piece.first > level, piece.last > level
    if starts and ends:
        return Span(piece.start_ns, piece.end_ns)
    if piece.end_ns is None or not (starts or ends):
        return None
    share = (level - piece.first) / (piece.last - piece.first)
    cross_ns = piece.start_ns + round((piece.end_ns - piece.start_ns) * share)
    span = Span(piece.start_ns, cross_ns) if starts else Span(cross_ns, piece.end_ns)
    return span if span.end_ns != span.start_ns else None
