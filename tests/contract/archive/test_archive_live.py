"""A log that is still being written: numbers that were shown once never change, and no line is read twice."""

from __future__ import annotations

import io
import random
import threading
from pathlib import Path

import pytest

from krawall.archive import live
from krawall.archive.compact import compact
from krawall.archive.query import conversation, conversations, messages
from krawall.archive.segments import compress
from krawall.model.exchange import Exchange, Told
from krawall.testing.segments import shown_messages, write_segment
from krawall.wire.log import encode_lines


def message(number: int, done_ns: int) -> Exchange:
    return Exchange(0, 0, number, 1, "measure", "steps.0", 1, 1, 1, done_ns, said=f"said {number}")


def append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def test_only_what_is_settled_is_shown(tmp_path: Path) -> None:
    write_segment(tmp_path, "0-1-0", [message(1, 10), message(2, 30), message(3, 20)])

    early = messages(tmp_path, until_ns=20)
    assert [item["turn"] for item in early.items] == [1, 3]
    assert (early.newest, early.next) == (1, None)
    assert messages(tmp_path, until_ns=9).newest == -1

    late = messages(tmp_path, until_ns=30)
    assert [(item["n"], item["turn"]) for item in late.items] == [(0, 1), (1, 3), (2, 2)]
    assert messages(tmp_path, until_ns=30, search="said 2").items == late.items[2:]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = write_segment(tmp_path, "0-1-0", [message(1, 10)])
    line = encode_lines([message(2, 20)])
    append(path, line[:25])
    assert messages(tmp_path).newest == 0

    append(path, line[25:])

    assert [item["said"] for item in messages(tmp_path).items] == ["said 1", "said 2"]


def test_lines_that_come_while_the_segment_is_read_are_shown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_segment(tmp_path, "0-1-0", [message(1, 10)])
    more = [encode_lines([message(2, 20)]), encode_lines([message(3, 30)])]

    class Grows(io.BufferedReader):
        def readline(self, size: int | None = -1) -> bytes:
            if more:
                append(path, more.pop(0))
                return b""  # what is read next: a reader that was at the end a moment ago
            return super().readline(size)

    monkeypatch.setattr(live, "open_segment", lambda path: Grows(io.FileIO(path)))

    assert [item["said"] for item in messages(tmp_path).items] == ["said 1", "said 2", "said 3"]


def test_a_growing_log_is_shown_as_it_will_be_kept(tmp_path: Path) -> None:
    """Two shards write at their own pace; a viewer follows; at the end the Parquet file has the same numbers."""
    dice = random.Random(4)
    paths = [write_segment(tmp_path, f"{shard}-1-0", []) for shard in range(2)]
    waiting: list[list[bytes]] = [[], []]
    seen: list[dict[str, object]] = []
    for now in range(1, 200):
        shard = dice.randrange(2)
        done = now + dice.randrange(5)  # lines are written up to five ns after they were done
        waiting[shard].append(encode_lines([message(now, done - 5 if done > 5 else 0)]))
        if dice.random() < 0.3:
            for path, lines in zip(paths, waiting, strict=True):
                append(path, b"".join(lines))
                lines.clear()
            page = messages(tmp_path, start=len(seen), limit=1000, until_ns=now - 6)
            seen += page.items
    for path, lines in zip(paths, waiting, strict=True):
        append(path, b"".join(lines))

    assert seen == shown_messages(tmp_path)[: len(seen)]
    assert len(seen) > 120
    compact(tmp_path)
    assert messages(tmp_path, limit=1000).items[: len(seen)] == seen


def test_a_line_that_comes_too_late_gets_a_later_number(tmp_path: Path) -> None:
    path = write_segment(tmp_path, "0-1-0", [message(1, 10), message(2, 20)])
    before = messages(tmp_path, until_ns=20).items

    append(path, encode_lines([message(3, 5)]))
    after = messages(tmp_path, until_ns=25).items

    assert after[:2] == before
    assert [item["turn"] for item in after] == [1, 2, 3]


def test_new_segments_and_attempts_are_found(tmp_path: Path) -> None:
    path = write_segment(tmp_path, "0-1-0", [message(1, 10)])
    assert messages(tmp_path).newest == 0

    write_segment(tmp_path, "0-1-1", [message(2, 20)])
    compress(path)
    write_segment(tmp_path, "0-2-0", [message(1, 30), Told(0, 0, "measure", 0, 1, 31, "completed")])

    assert [item["n"] for item in messages(tmp_path).items] == [0, 1, 2]
    assert conversations(tmp_path).items[0]["outcome"] == "completed"
    assert len(conversation(tmp_path, 0)) == 4


def test_a_session_passes_from_its_log_to_parquet_between_two_questions(tmp_path: Path) -> None:
    write_segment(tmp_path, "0-1-0", [message(number, number) for number in range(1, 50)])
    before = messages(tmp_path).items

    assert compact(tmp_path) == 49

    assert messages(tmp_path).items == before
    assert not list((tmp_path / "log").glob("*.jsonl"))


@pytest.mark.parametrize("over", [False, True])
def test_many_threads_ask_at_once(tmp_path: Path, over: bool) -> None:
    path = write_segment(tmp_path, "0-1-0", [message(number, number) for number in range(1, 500)])
    if over:
        compact(tmp_path)
    failures: list[object] = []

    def ask(thread: int) -> None:
        for turn in range(10):
            if not over:
                append(path, encode_lines([message(1000 + thread * 100 + turn, 1000)]))
            found = messages(tmp_path, limit=1000, search="said 4").items
            if len({item["n"] for item in found}) < 100 or found[0]["turn"] != 4:
                failures.append(found)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    if not over:
        assert messages(tmp_path).newest == 499 + 40 - 1
