"""The command line as a user runs it: to its end, or started and left running. Real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from krawall.testing.warm import warm

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


def krawall(*arguments: str | Path, cwd: Path, said: str = "", **environment: str) -> Ran:
    """Run the command line to its end. `said`: what comes on standard input."""
    around = {**os.environ, "NO_COLOR": "1", **environment}
    return Ran(*warm().call([str(each) for each in arguments], str(cwd), around, said, LIMIT_S))


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
