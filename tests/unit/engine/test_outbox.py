"""The outbox hands on batches; a sink that fails is taken out with its reason; the log keeps every line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from krawall.engine.logfile import LogFile
from krawall.engine.outbox import BATCH, Outbox
from krawall.errors import Unavailable
from krawall.model.exchange import Exchange, Line
from krawall.model.sink import Sink
from krawall.testing.playing import Kept
from krawall.wire.log import Header, LogReader


def line(number: int) -> Exchange:
    return Exchange(number, 0, 1, 1, "measure", "steps.0", 0, 0, 1, 2, said="hello", heard="there")


class Failing:
    """A sink whose disk is full after a while."""

    bodies_dropped = 0

    def accept(self, batch: Sequence[Line]) -> None:
        raise Unavailable("no space left")

    def flush(self) -> None: ...

    def close(self) -> None: ...


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
