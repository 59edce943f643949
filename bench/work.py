"""What Krawall's own work costs, in microseconds of CPU: figures without bars, since they are of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from machine import CLIENT, Quiet, process
from servers import chat
from sessions import played
from speed import chatting, cpu_per_turn
from table import Table

OWN = Path(__file__).parent / "own.py"


def work(table: Table, short: bool) -> None:
    """Measure the parts in one process, and a whole turn in a session over loopback."""
    turns, seconds = (4_000, 3) if short else (40_000, 6)
    with chat() as server:
        with (
            Quiet(server.pid) as quiet,
            process([sys.executable, OWN, server.port, turns], CLIENT, stdout=subprocess.PIPE) as running,
        ):
            text = running.communicate(timeout=180)[0]
        table.others.append(quiet.others)
        if running.returncode:
            raise RuntimeError("own.py failed; its error is above")
        found = json.loads(text)
        server.reset()
        with played(table, [server.pid], chatting(server.url, seconds), seconds + 60) as session:
            turn = cpu_per_turn(session.looks, server.stats())
    table.raw["work"] = found
    table.add("work", "a turn without network (echo connector, log on)", found["exchange"], "us")
    table.add("work", "a token event: framing, decoding, stamps", found["event"], "us")
    table.add("work", "a token in the counting of an exchange", found["gap"], "us")
    table.add("work", "a bare request over loopback (net.http1 alone)", found["request"], "us")
    table.add("work", "a turn over loopback, engine process", turn, "us")
    if turn is not None:
        table.add("work", "of that not the network's", turn - found["request"], "us")
