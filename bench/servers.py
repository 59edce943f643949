"""What the bench talks to: mockchat (C, the fastest and most exact server) and the product's own mock bot, both on the server's core."""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import OUT, SERVER, process

HERE = Path(__file__).parent


def ask(port: int, method: str, path: str, body: object = None) -> bytes:
    """Send one request to a server of ours and return the body of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Connection": "close"})
        answer = connection.getresponse()
        found = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {found[:300]!r}")
    return found


class Chat:
    """mockchat while it runs. Its counts are of the time since the last reset; times are us."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid
        self.url = f"http://127.0.0.1:{port}"

    def reset(self) -> None:
        """Begin to count anew."""
        ask(self.port, "GET", "/reset")

    def stats(self) -> dict[str, Any]:
        """Return its counts."""
        found: dict[str, Any] = json.loads(ask(self.port, "GET", "/stats"))
        return found


def rate(stats: dict[str, Any]) -> float:
    """Return requests per second in the steady middle (20 % to 90 %): the median over windows of 1 s, half overlapping."""
    counts = stats["req_per_100ms"]
    middle = counts[int(len(counts) * 0.2) : max(int(len(counts) * 0.9), int(len(counts) * 0.2) + 1)]
    windows = [sum(middle[at : at + 10]) for at in range(0, len(middle) - 9, 5)]
    return statistics.median(windows or [sum(middle) * 10 / max(1, len(middle))])


@contextmanager
def chat() -> Iterator[Chat]:
    """Compile mockchat if need be and serve with it. Raises FileNotFoundError without a C compiler."""
    source, binary = HERE / "mockchat.c", OUT / "mockchat"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise FileNotFoundError("no C compiler (cc, gcc or clang)")
        subprocess.run([compiler, "-O2", "-o", binary, source], check=True)
    with process([binary, "0"], SERVER, stdout=subprocess.PIPE) as running:
        assert running.stdout
        yield Chat(int(running.stdout.readline().split()[-1]), running.pid)


class Bot:
    """The product's mock bot while it runs."""

    def __init__(self, port: int, pid: int, grpc_port: int) -> None:
        self.port = port
        self.pid = pid
        self.grpc_port = grpc_port
        self.url = f"http://127.0.0.1:{port}"

    def behave(self, **behaviour: object) -> float:
        """Set the behaviour and forget all counts; return the moment at which its clocks began, monotonic ns."""
        ask(self.port, "PUT", "/behaviour", behaviour)
        before = time.monotonic_ns()
        ask(self.port, "POST", "/reset")
        return (before + time.monotonic_ns()) / 2

    def stats(self) -> dict[str, Any]:
        """Return its counts."""
        found: dict[str, Any] = json.loads(ask(self.port, "GET", "/stats"))
        return found

    def oracle(self) -> list[dict[str, Any]]:
        """Return its log, a record for each request, in order of arrival."""
        records = [json.loads(line) for line in ask(self.port, "GET", "/oracle").splitlines()]
        return sorted(records, key=lambda record: record["received_ns"])


@contextmanager
def bot() -> Iterator[Bot]:
    """Serve with the mock bot."""
    command = [sys.executable, "-m", "krawall", "mock", "--port", "0", "--grpc-port", "0"]
    with process(command, SERVER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout
        line = running.stdout.readline()
        if "http://" not in line:
            raise RuntimeError("the mock bot does not start; try: python -m krawall mock")
        second = running.stdout.readline()
        grpc_port = int(second.split("grpc://127.0.0.1:")[1].split()[0])
        yield Bot(int(line.split("http://127.0.0.1:")[1].split()[0]), running.pid, grpc_port)
