"""The segments of a session's log, plain (`S-A-N.jsonl`) or compressed (`S-A-N.jsonl.zst`): find, open, compress."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BROKEN = (EOFError, zstd.ZstdError)
"""What reading a compressed segment raises where its bytes end too early or are damaged."""

_NAME = re.compile(r"([0-9]+)-([0-9]+)-([0-9]+)\.jsonl(\.zst)?")
_CHUNK = 1 << 20
_LEVEL = 3  # 100 MB a second; level 6 takes twice the time and saves 7 percent of the bytes


class SegmentKey(NamedTuple):
    """Whose segment it is: shard, attempt (1-based start of the shard's process) and number from 0. Sorts in log order."""

    shard: int
    attempt: int
    number: int


def key_of(path: Path) -> SegmentKey | None:
    """Return the key in a segment's name, None when the file is no segment."""
    found = _NAME.fullmatch(path.name)
    return SegmentKey(int(found[1]), int(found[2]), int(found[3])) if found else None


def segments(log: Path) -> dict[SegmentKey, Path]:
    """Return the segments in the folder `log`, in order; none when there is no such folder.

    One that is there in both forms, after a crash between writing the compressed and removing the plain one, counts
    once: the plain file, which is whole as long as it is there.
    """
    found: dict[SegmentKey, Path] = {}
    if log.is_dir():
        for path in sorted(log.iterdir()):  # X.jsonl before X.jsonl.zst
            if key := key_of(path):
                found.setdefault(key, path)
    return dict(sorted(found.items()))


def open_segment(path: Path) -> BinaryIO:
    """Open a segment for reading; what is read is plain JSON lines in both forms.

    A plain segment that was compressed since it was found is opened in its compressed form.

    Raises:
        OSError: it cannot be opened. Reading a damaged one raises one of `BROKEN`.
    """
    if path.suffix != ".zst":
        try:
            return open(path, "rb")
        except FileNotFoundError:
            path = path.with_name(path.name + ".zst")
    return cast(BinaryIO, zstd.open(path, "rb"))


def compress(path: Path) -> Path:
    """Turn a closed segment into its compressed form and return that one's path; done before: nothing happens.

    The compressed file is whole and on disk before the plain one goes, so a crash at any point loses nothing.
    """
    if path.suffix == ".zst":
        return path
    goal = path.with_name(path.name + ".zst")
    if not path.exists() and goal.exists():
        return goal
    temporary = path.with_name(f".{goal.name}.new")
    with open(path, "rb") as source, open(temporary, "wb") as sink:
        os.fchmod(sink.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
        packer = zstd.ZstdCompressor(level=_LEVEL)
        while chunk := source.read(_CHUNK):
            sink.write(packer.compress(chunk))
        sink.write(packer.flush())  # ends the frame, also that of no bytes at all
        sink.flush()
        os.fsync(sink.fileno())
    temporary.replace(goal)
    sync_folder(path.parent)
    path.unlink()
    return goal


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last through a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
