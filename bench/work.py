"""What Krawall's own work costs, in microseconds of CPU: figures without bars, since they are of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from machine import CLIENT, Quiet, process
from servers import chat
from table import Table

OWN = Path(__file__).parent / "own.py"


def work(table: Table, short: bool) -> None:
    """Measure in one process on the client's core; mockchat answers from the other."""
    turns = 4_000 if short else 40_000
    with chat() as server:
        command = [sys.executable, OWN, str(server.port), str(turns)]
        with Quiet(server.pid) as quiet, process(command, CLIENT, stdout=subprocess.PIPE) as running:
            text = running.communicate(timeout=180)[0]
    table.others.append(quiet.others)
    if running.returncode:
        raise RuntimeError("own.py failed; its error is above")
    found = table.raw["work"] = json.loads(text)
    table.add("work", "a turn over loopback, everything", found["turn"], "us")
    table.add("work", "a bare request over loopback (net.http1 alone)", found["request"], "us")
    table.add("work", "a turn, the network taken out", found["turn"] - found["request"], "us")
    table.add("work", "a turn without network (echo connector)", found["exchange"], "us")
    table.add("work", "a token event: framing, decoding, stamps", found["event"], "us")
    table.add("work", "a token in the counting of an exchange", found["gap"], "us")
