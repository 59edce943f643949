"""Locks of a data directory: which worker is its server's, and who uses the Valkey server in it. They end with their process."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from krawall.errors import Unavailable

WORKER = "worker.lock"
USE = "use.lock"


class Holder(msgspec.Struct, frozen=True):
    """The worker that holds a lock. `orphan`: its server is gone, so that another one may end it."""

    pid: int = 0
    orphan: bool = False


@dataclass
class Lock:
    """A lock that is held. `release` gives it back; the end of the process does so too."""

    _descriptor: int

    def tell(self, holder: Holder) -> None:
        """Write down who holds it."""
        data = msgspec.json.encode(holder)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


def take(path: Path, *, shared: bool = False, wait: bool = False) -> Lock | None:
    """Return the lock of a file, None when others hold it. `wait`: until they do not.

    Raises:
        Unavailable: the file cannot be made.
    """
    descriptor = _open(path)
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if _flock(descriptor, mode if wait else mode | fcntl.LOCK_NB):
        return Lock(descriptor)
    os.close(descriptor)
    return None


def holder_of(path: Path) -> Holder | None:
    """Return who holds a lock alone, None when nobody does. Looking takes no lock that others would notice for long."""
    if not path.exists():
        return None
    lock = take(path, shared=True)
    if lock is not None:
        lock.release()
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return Holder()


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(
            f"the data directory {path.parent} cannot be used: {error.strerror}", hint="give --data or KRAWALL_DATA"
        ) from None


def _flock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode)
    except BlockingIOError:
        return False
    return True
