from __future__ import annotations

from pathlib import Path

import pytest

from krawall.archive.segments import BROKEN, SegmentKey, compress, key_of, open_segment, segments
from krawall.model.exchange import Told
from krawall.services.directory import SessionDirectory
from krawall.wire.log import Header, encode_lines

LINES = encode_lines(
    [Header(1, "0", "ses_1", 0, 1, 0, "")]
    + [Told(number, 0, "measure", 0, 1, 2, "completed") for number in range(1000)]
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def test_segments_are_found_in_the_order_of_their_numbers(log: Path) -> None:
    for name in ("0-1-10.jsonl", "0-1-9.jsonl.zst", "10-1-0.jsonl", "2-1-0.jsonl", "0-2-0.jsonl"):
        (log / name).touch()
    for name in (".0-1-0.jsonl.zst.new", "0-1.jsonl", "0-1-x.jsonl", "0-1-0.jsonl.gz", "notes.txt"):
        (log / name).touch()

    assert list(segments(log)) == [
        SegmentKey(0, 1, 9),
        SegmentKey(0, 1, 10),
        SegmentKey(0, 2, 0),
        SegmentKey(2, 1, 0),
        SegmentKey(10, 1, 0),
    ]


def test_no_folder_has_no_segments(tmp_path: Path) -> None:
    assert segments(tmp_path / "log") == {}


def test_a_name_of_foreign_digits_is_no_segment() -> None:
    assert key_of(Path("٣-1-0.jsonl")) is None


def test_a_compressed_segment_reads_like_the_plain_one(log: Path) -> None:
    path = log / "0-1-0.jsonl"
    path.write_bytes(LINES)
    path.chmod(0o600)

    packed = compress(path)

    assert packed == log / "0-1-0.jsonl.zst"
    assert list(log.iterdir()) == [packed]
    assert packed.stat().st_mode & 0o777 == 0o600
    assert packed.stat().st_size < len(LINES) / 5
    with open_segment(packed) as file:
        assert file.read() == LINES


def test_who_found_the_plain_segment_may_open_it_after_it_was_compressed(log: Path) -> None:
    path = log / "0-1-0.jsonl"
    path.write_bytes(LINES)
    compress(path)

    with open_segment(path) as file:
        assert file.read() == LINES


def test_to_compress_again_changes_nothing(log: Path) -> None:
    path = log / "0-1-0.jsonl"
    path.write_bytes(LINES)
    packed = compress(path)
    before = packed.stat().st_mtime_ns

    assert compress(path) == packed
    assert compress(packed) == packed
    assert packed.stat().st_mtime_ns == before


def test_a_segment_in_both_forms_counts_once_and_is_repaired(log: Path) -> None:
    path = log / "0-1-0.jsonl"
    path.write_bytes(LINES)
    compress(path)
    path.write_bytes(LINES)  # as a crash between writing the one and removing the other leaves it

    assert list(segments(log).values()) == [path]
    assert len(list(SessionDirectory(log.parent).lines([path]))) == 1000

    compress(path)

    assert [found.name for found in log.iterdir()] == ["0-1-0.jsonl.zst"]


def test_an_empty_segment_can_be_compressed(log: Path) -> None:
    path = log / "0-1-0.jsonl"
    path.touch()

    with open_segment(compress(path)) as file:
        assert file.read() == b""


def test_the_directory_of_a_session_reads_both_forms(log: Path) -> None:
    (log / "0-1-0.jsonl").write_bytes(LINES)
    (log / "0-2-0.jsonl").write_bytes(LINES)
    (log / "1-1-0.jsonl").write_bytes(LINES)
    compress(log / "0-1-0.jsonl")
    directory = SessionDirectory(log.parent)

    assert [path.name for path in directory.segments()] == ["0-1-0.jsonl.zst", "0-2-0.jsonl", "1-1-0.jsonl"]
    assert [path.name for path in directory.segments(0)] == ["0-1-0.jsonl.zst", "0-2-0.jsonl"]
    assert [path.name for path in directory.segments(0, 2)] == ["0-2-0.jsonl"]
    assert len(list(directory.lines(directory.segments()))) == 3000


def test_a_damaged_segment_loses_what_follows_the_damage(log: Path) -> None:
    (log / "0-1-0.jsonl").write_bytes(LINES)
    packed = compress(log / "0-1-0.jsonl")
    packed.write_bytes(packed.read_bytes()[:-20])
    with open_segment(packed) as file, pytest.raises(BROKEN):
        file.read()

    lines = SessionDirectory(log.parent).lines([packed])

    assert len(list(lines)) <= 1000
    assert lines.torn >= 1
