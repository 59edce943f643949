"""Real processes: the mock bot and the command line, as a user starts them. Loopback only, bounded in count and time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from krawall.testing.commands import start


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
