"""How many attempts a shard has begun, where it outlives the process: so that those that die with it can be counted.

`log/S-A.sent` holds one int64 in the byte order of the machine, mapped into memory: what a process writes there is in the
file however it ends. Each attempt becomes a line of the log; the difference are those that were lost.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Protocol

from krawall.errors import Unavailable

_BYTES = 8


class Cell(Protocol):
    """Something that holds a number at 0: a list, or mapped memory."""

    def __getitem__(self, index: int, /) -> int:
        """Return the number."""
        ...

    def __setitem__(self, index: int, value: int, /) -> None:
        """Replace the number."""
        ...


def open_cell(path: Path) -> Cell:
    """Return the number in a new file, 0; it stays mapped for as long as it is used.

    Raises:
        Unavailable: the file cannot be written.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, bytes(_BYTES))  # not a hole: a full disk must be noticed here, not when memory is written
            return memoryview(mmap.mmap(handle, _BYTES)).cast("q")
        finally:
            os.close(handle)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


def read_cell(path: Path) -> int:
    """Return the number in a file; 0 when there is none."""
    try:
        data = path.read_bytes()
    except OSError:
        return 0
    return memoryview(data).cast("q")[0] if len(data) == _BYTES else 0
