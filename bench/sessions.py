"""Plays sessions of Krawall on the client's core, parent and engine both, and watches the engine from outside."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import CLIENT, OUT, Look, Quiet, engine_of, look, process
from table import Table

PLENTY = {"cost": 900_000, "tokens": 10**12, "requests": 10**9, "conversations": 10**9}
PLAY = Path(__file__).parent / "play.py"


@dataclass(frozen=True)
class Played:
    """A session that was played. `looks`: at its engine, every 0.2 s. `directory` is gone when the `played` block is left."""

    summary: dict[str, Any]
    directory: Path
    looks: list[Look]
    others: float


def scenario(url: str, load: dict[str, Any], *steps: object, stream: bool = False, **more: Any) -> dict[str, Any]:
    """Return a scenario against the mock bot or mockchat, without any cap in its way."""
    target = {"preset": "mock", "url": f"{url}/v1/chat/completions", "stream": stream, **more.pop("target", {})}
    return {"name": "Bench", "target": target, "steps": list(steps), "load": load, "budget": PLENTY, **more}


@contextmanager
def played(table: Table, ours: Sequence[int], wanted: dict[str, Any], timeout_s: float) -> Iterator[Played]:
    """Play a scenario to its end. `ours`: pids of the bench's other processes. Raises RuntimeError when it does not end well."""
    folder = Path(tempfile.mkdtemp(prefix="session-", dir=OUT))
    try:
        file = folder / "scenario.json"
        file.write_text(json.dumps(wanted), encoding="utf-8")
        with Quiet(*ours) as quiet, open(folder / "summary.json", "wb") as summary:
            looks = _play([sys.executable, PLAY, file, folder / "session"], summary, timeout_s)
        table.others.append(quiet.others)
        yield Played(json.loads((folder / "summary.json").read_bytes()), folder / "session", looks, quiet.others)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _play(command: list[str | Path], summary: Any, timeout_s: float) -> list[Look]:
    looks: list[Look] = []
    engine = None
    began = time.monotonic()
    with process(command, CLIENT, stdout=summary) as running:
        while running.poll() is None:
            time.sleep(0.2)
            engine = engine or engine_of(running.pid)
            if engine is not None and (seen := look(engine)):
                looks.append(seen)
            if time.monotonic() - began > timeout_s:
                raise RuntimeError(f"a session did not end within {timeout_s:.0f} s")
        if running.returncode:
            raise RuntimeError(f"a session ended with code {running.returncode}")
    return looks


def trouble(summary: dict[str, Any]) -> str:
    """Return what went wrong in a session that should have no errors, or nothing."""
    parts = [f"{kind}: {count}" for kind, count in summary["errors"].items()]
    if summary["outcome"] != "completed":
        parts.append(f"{summary['outcome']}: {summary['reason']}")
    if summary["conversations"]["dropped"]:
        parts.append(f"dropped: {summary['conversations']['dropped']}")
    return "; ".join(parts)


def doubt(summary: dict[str, Any]) -> str:
    """Return why Krawall itself does not trust its figures, to be put after a note, or nothing."""
    generator = summary["generator"]
    return "" if generator["valid"] else f" [it says: {generator['why'].split('. ')[0]}]"
