"""The outbox hands on batches; a sink that fails is taken out with its reason; the log keeps every line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

import pytest

from krawall.engine.gate import Environment
from krawall.engine.logfile import LogFile
from krawall.engine.outbox import BATCH, Kept, Outbox, opened
from krawall.engine.sent import open_cell, read_cell
from krawall.errors import Unavailable
from krawall.model.exchange import Exchange, Line
from krawall.model.sink import Basin, Sink, SinkKind
from krawall.wire.log import Header, LogReader


def line(number: int) -> Exchange:
    return Exchange(number, 0, 1, 1, "measure", "steps.0", 0, 0, 1, 2, said="hello", heard="there")


class Failing:
    """A sink whose disk is full: it fails `at` this of its three moments."""

    bodies_dropped = 0

    def __init__(self, at: str = "accept") -> None:
        self.at = at

    def _full(self, moment: str) -> None:
        if moment == self.at:
            raise Unavailable("no space left")

    def accept(self, batch: Sequence[Line]) -> None:
        self._full("accept")

    def flush(self) -> None:
        self._full("flush")

    def close(self) -> None:
        self._full("close")


def test_lines_come_in_batches_and_in_order() -> None:
    kept = Kept()
    sink: Sink = kept
    outbox = Outbox([sink])
    for number in range(BATCH + 1):
        outbox.put(line(number))
    assert len(kept.lines) == BATCH
    outbox.close()
    assert [line.conversation for line in kept.lines if isinstance(line, Exchange)] == list(range(BATCH + 1))


def test_a_sink_that_fails_is_taken_out_and_the_others_go_on() -> None:
    kept = Kept()
    outbox = Outbox([Failing(), kept])
    for number in range(3 * BATCH):
        outbox.put(line(number))
    assert outbox.trouble == "failing: no space left"
    assert outbox.sinks == [kept]
    assert len(kept.lines) == 3 * BATCH


@pytest.mark.parametrize("at", ["accept", "flush", "close"])
def test_whenever_a_sink_fails_the_first_reason_is_kept_and_nothing_is_raised(at: str) -> None:
    kept = Kept()
    outbox = Outbox([Failing(at), kept])
    for number in range(BATCH + 1):
        outbox.put(line(number))
    outbox.flush()
    assert (outbox.trouble == "failing: no space left") == (at != "close")
    outbox.close()
    assert outbox.trouble == "failing: no space left"
    assert len(kept.lines) == BATCH + 1


class Pail(SinkKind):
    """A sink that keeps lines in memory, or does not open."""

    kind: Literal["pail"] = "pail"
    holds: bool = True

    def open(self, basin: Basin) -> AbstractContextManager[Sink]:
        if not self.holds:
            raise OSError("it leaks")
        return nullcontext(Kept())


def test_sinks_of_a_scenario_are_opened_together_or_say_why_not() -> None:
    basin = Basin("ses_1", 0, 1, 1, "", Environment())
    with opened([Pail(), Pail()], basin) as sinks:
        assert len(sinks) == 2
    with (
        pytest.raises(Unavailable, match="the sink 'pail' does not open: it leaks"),
        opened([Pail(), Pail(holds=False)], basin),
    ):
        pytest.fail("it is open")


def test_the_log_keeps_every_line_behind_a_header(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path), "ses_1", 2, 1, "abcd", bodies=True)
    for number in range(1000):
        log.accept([line(number)])
    log.close()
    with open(tmp_path / "2-1-0.jsonl", "rb") as file:
        found = list(LogReader(file))
    assert isinstance(found[0], Header)
    assert (found[0].session, found[0].shard, found[0].plan_hash) == ("ses_1", 2, "abcd")
    assert found[1:] == [line(number) for number in range(1000)]


def test_bodies_can_be_left_out(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path), "ses_1", 0, 1, "abcd", bodies=False)
    log.accept([line(1)])
    log.close()
    assert b"hello" not in (tmp_path / "0-1-0.jsonl").read_bytes()


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_a_segment_that_is_old_is_closed_once_it_holds_lines(tmp_path: Path) -> None:
    clock = Clock()
    log = LogFile(str(tmp_path), "ses_1", 0, 1, "abcd", bodies=True, rotate_s=5, clock=clock)
    clock.now = 60_000_000_000
    log.flush()  # it is old, and empty
    log.accept([line(1)])
    log.flush()
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-1-0.jsonl"]


def test_segments_by_age_hold_every_line_once(tmp_path: Path) -> None:
    clock = Clock()
    log = LogFile(str(tmp_path), "ses_1", 0, 1, "abcd", bodies=True, rotate_s=5, clock=clock)
    for number in range(20):
        log.accept([line(number)])
        log.flush()
        settled(log)
        clock.now += 1_000_000_000
    log.close()
    found = []
    for segment in range(4):
        with open(tmp_path / f"0-1-{segment}.jsonl", "rb") as file:
            header, *records = list(LogReader(file))
            assert isinstance(header, Header)
            assert header.segment == segment
            found.append([record.conversation for record in records if isinstance(record, Exchange)])
    assert [number for part in found for number in part] == list(range(20))
    assert [len(part) for part in found] == [6, 5, 5, 4]


def settled(log: LogFile) -> None:
    """Wait until the writer has done what it was handed."""
    while not log._queue.empty() or log._turning:
        pass


def test_a_number_in_mapped_memory_is_in_the_file_at_once(tmp_path: Path) -> None:
    cell = open_cell(tmp_path / "0-1.sent")
    assert read_cell(tmp_path / "0-1.sent") == 0
    cell[0] += 1
    cell[0] += 41
    assert read_cell(tmp_path / "0-1.sent") == 42
    assert read_cell(tmp_path / "0-2.sent") == 0
    (tmp_path / "0-3.sent").write_bytes(b"torn")
    assert read_cell(tmp_path / "0-3.sent") == 0
