"""Does Krawall know when it was itself the bottleneck? Never on a quiet core, always beside a process that takes the core."""

from __future__ import annotations

import sys
from typing import Any

from machine import CLIENT, DISTURBED, process
from servers import Bot, bot
from sessions import Played, played, scenario
from table import Table

Seen = dict[str, Any]
LOOP = "import time\nend = time.monotonic() + 600\nwhile time.monotonic() < end: pass"


def honest(table: Table, short: bool) -> None:
    """Play sessions of 3 s, first on a quiet core, then with a busy process on the same one."""
    runs = 3 if short else 20
    with bot() as server:
        server.behave(latency="20ms")
        clean, disturbed = _quiet_sessions(table, server, runs)
        with process([sys.executable, "-c", LOOP], CLIENT) as busy:
            loaded = [_session(table, server, busy.pid) for _ in range(runs)]
    table.raw["honest"] = {"clean": clean, "disturbed": disturbed, "loaded": loaded}
    whys = [one["why"] for one in clean if not one["valid"]]
    note = f"{_range(clean)}; left out, since others took its time: {len(disturbed)}"
    if clean:
        table.add("honest", f"{len(clean)} quiet sessions: called invalid", len(whys), "", most=0, note=note)
    else:
        table.add("honest", "quiet sessions: called invalid", None, "", most=0, note="the machine was never quiet")
    for why in whys[:3]:
        print(f"{'':8}{why}")
    missed = sum(bool(one["valid"]) or not one["why"] for one in loaded)
    table.add(
        "honest", f"{runs} sessions beside a busy process: not called so", missed, "", most=0, note=_range(loaded)
    )
    print(f"{'':8}for example: {loaded[0]['why']}")


def _quiet_sessions(table: Table, server: Bot, runs: int) -> tuple[list[Seen], list[Seen]]:
    """Play sessions until `runs` of them were left alone by other processes, at most half as many more; return both kinds."""
    clean: list[Seen] = []
    disturbed: list[Seen] = []
    while len(clean) < runs and len(clean) + len(disturbed) < runs * 3 // 2:
        one = _session(table, server)
        (disturbed if table.others[-1] > DISTURBED else clean).append(one)
    return clean, disturbed


def _session(table: Table, server: Bot, *others: int) -> Seen:
    """Play 50 users for 3 s; return what Krawall says of itself, and what the kernel says of its engine."""
    wanted = scenario(server.url, {"users": 50, "duration": "3s"}, {"message": "Hello."})
    with played(table, [server.pid, *others], wanted, 90) as session:
        generator = session.summary["generator"]
        return {**generator, "turns": session.summary["turns"], **_waited(session)}


def _waited(session: Played) -> dict[str, float]:
    """Return the share of the CPU time wanted that others got, and the wait per second, from the first look to the last."""
    first, last = session.looks[0], session.looks[-1]
    waited, used = last.waited_s - first.waited_s, last.cpu_s - first.cpu_s
    wall = (last.at_ns - first.at_ns) / 1e9
    return {"waited_share": round(waited / max(0.001, waited + used), 4), "waited_of_wall": round(waited / wall, 4)}


def _range(sessions: list[Seen]) -> str:
    """Return the range of the measures that validity rests on."""
    parts = []
    for name, words in (("loop_lag_p99_ms", "loop lag"), ("send_lag_p99_ms", "send lag"), ("waited_share", "waited")):
        values = sorted(one[name] for one in sessions)
        parts += [f"{words} {values[0]:.3g}..{values[-1]:.3g}"] if values else []
    return ", ".join(parts)
