"""A fresh Valkey for tests, on a Unix socket or a TCP port of loopback, that can be killed and started again on its data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from krawall.clock import monotonic_ns
from krawall.queue.valkey import find_server, write_conf

_PATIENCE_NS = 20_000_000_000


class ValkeyServer:
    """A server of a test: `url` is the same before and after a restart."""

    def __init__(self, directory: Path, *, tcp: bool) -> None:
        self._directory = directory
        self._socket = None if tcp else directory / "s"
        self._port = _free_port() if tcp else 0
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0" if tcp else f"unix://{quote(str(directory / 's'))}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it on the data it left, and return when it answers."""
        conf = self._directory / "conf"
        write_conf(conf, data=self._directory, socket=self._socket, port=self._port)
        self._process = subprocess.Popen([find_server(), str(conf)], cwd=self._directory, start_new_session=True)
        began = monotonic_ns()
        while self.ask("PING") != b"+PONG\r\n":
            if self._process.poll() is not None or monotonic_ns() - began > _PATIENCE_NS:
                raise AssertionError(f"the server did not start: {(self._directory / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as a crash would (kill -9), and return when it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; nothing happens when it is not running."""
        if self._process is not None:
            self._resume_and_end()

    def freeze(self) -> None:
        """Let it neither answer nor break its connections until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def flush(self) -> None:
        """Remove all data."""
        assert self.ask("FLUSHALL") == b"+OK\r\n"

    def ask(self, command: str) -> bytes:
        """Send one inline command over a connection of its own and return the first bytes of the reply; b"" without one."""
        family, address = (
            (socket.AF_INET, ("127.0.0.1", self._port)) if self._socket is None else (socket.AF_UNIX, str(self._socket))
        )
        try:
            with socket.socket(family, socket.SOCK_STREAM) as line:
                line.settimeout(5)
                line.connect(address)
                line.sendall(command.encode() + b"\r\n")
                return line.recv(65_536)
        except OSError:
            return b""

    def _resume_and_end(self) -> None:
        self.thaw()
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(how)
        self._process.wait(20)
        self._process = None


@contextmanager
def valkey_server(*, tcp: bool = False) -> Iterator[ValkeyServer]:
    """Yield a running server with no data: on a Unix socket, or on a free TCP port of loopback."""
    with tempfile.TemporaryDirectory(prefix="kv-") as directory:  # short: a socket's path has little room
        server = ValkeyServer(Path(directory), tcp=tcp)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
