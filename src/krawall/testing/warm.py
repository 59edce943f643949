"""Commands without the wait: a process that has loaded the command line forks for each call.

Most of a short command's time is loading. A fork has that behind it, and is otherwise a process as any other: its own arguments,
directory, environment, standard streams, signals and exit code. `commands.krawall` calls it; what is left running
(`commands.start`, `Installation.start`) is started as a user starts it.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO

from krawall.cli.main import COMMANDS, GROUPS, main

_NUMBER = struct.Struct("!i")
_MOST = 1_000_000


class Warm:
    """The loaded process, seen from a test. One call at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            command = [sys.executable, "-c", f"from krawall.testing.warm import serve; serve({theirs.fileno()})"]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._line = ours

    def call(
        self, arguments: Sequence[str], cwd: str, environment: Mapping[str, str], said: str, limit_s: float
    ) -> tuple[int, str, str]:
        """Run a command to its end: exit code (minus the signal that ended it), output, errors.

        Raises:
            TimeoutError: it is not over after `limit_s` seconds; it was killed.
        """
        request = json.dumps([list(arguments), cwd, dict(environment)]).encode() + b"\n"
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
            given.write(said.encode())
            given.seek(0)
            socket.send_fds(self._line, [request], [given.fileno(), out.fileno(), err.fileno()])
            (pid,) = _NUMBER.unpack(self._line.recv(4))
            late = not select.select([self._line], [], [], limit_s)[0]
            if late:
                os.kill(pid, signal.SIGKILL)
            (code,) = _NUMBER.unpack(self._line.recv(4))
            if late:
                raise TimeoutError(f"krawall {' '.join(arguments)} is not over after {limit_s:g} s")
            return code, _read(out), _read(err)

    def close(self) -> None:
        """Let the process go."""
        self._line.close()
        self._process.wait(10)


@functools.cache
def warm() -> Warm:
    """Return the loaded process of this one; it goes when this one does."""
    made = Warm()
    atexit.register(made.close)
    return made


def serve(line: int) -> None:
    """Load every command, then fork for each call that comes over a socket, until the other end closes it."""
    calls = socket.socket(fileno=line)
    wheres = [where for where, _ in COMMANDS.values() if where]
    wheres += [where for _, commands in GROUPS.values() for where, _ in commands.values()]
    for name in sorted({where.partition(":")[0] for where in wheres}):
        importlib.import_module(name)
    gc.freeze()
    while True:
        request, files, _, _ = socket.recv_fds(calls, _MOST, 3)
        while request and not request.endswith(b"\n"):
            request += calls.recv(_MOST)
        if not request:
            return
        pid = os.fork()
        if not pid:
            calls.close()
            arguments, cwd, environment = json.loads(request)
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv[1:] = arguments
            main()
        for file in files:
            os.close(file)
        calls.send(_NUMBER.pack(pid))
        calls.send(_NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
