"""Real processes: the mock bot and the command line, as a user starts them. Loopback only, bounded in count and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 120


@dataclass
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        return json.loads(self.out)


def krawall(*arguments: str | Path, cwd: Path, **environment: str) -> Ran:
    """Run the command line to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "krawall", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def start(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Start the command line and return while it runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "krawall", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def bots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start mock bots by their settings and return their addresses; each kind is started once."""
    running: dict[str, tuple[subprocess.Popen[str], str]] = {}
    folder = tmp_path_factory.mktemp("bots")

    def bot(**settings: Any) -> str:
        key = json.dumps(settings, sort_keys=True)
        if key not in running:
            file = folder / f"{len(running)}.json"
            file.write_text(key)
            process = start("mock", "--port", "0", "--behaviour", file, cwd=folder)
            assert process.stdout
            words = process.stdout.readline().split()
            running[key] = (process, words[3])
        return running[key][1]

    yield bot
    for process, _ in running.values():
        process.terminate()
        process.wait(20)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


@pytest.fixture
def bot(bots: Callable[..., str]) -> str:
    """The address of a quick, friendly bot."""
    return bots(first_token="5ms", gap="1ms", latency="2ms", tokens="12")


def log_lines(directory: Path) -> list[dict[str, Any]]:
    """Return every line of a session's log that is whole, headers left out."""
    lines = []
    for path in sorted((directory / "log").glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
    return [line for line in lines if line["k"] != "h"]
