"""Every connector with 1,000 users for a minute against the mock bot: messages per second, memory per user, and whether it grows."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from machine import Look
from servers import Bot, bot
from sessions import played, scenario, trouble
from table import Table

USERS = 1000
TARGETS: dict[str, Callable[[Bot], dict[str, Any]]] = {
    "http": lambda server: {"preset": "mock", "url": f"{server.url}/v1/chat/completions"},
    "sse": lambda server: {"preset": "mock", "url": f"{server.url}/v1/chat/completions", "stream": True},
    "websocket": lambda server: {"preset": "custom-websocket", "url": f"{server.url}/ws".replace("http:", "ws:")},
    "socketio": lambda server: {"preset": "custom-socketio", "url": f"{server.url}/socket.io/".replace("http:", "ws:")},
    "grpc": lambda server: {
        "preset": "custom-grpc",
        "url": f"grpc://127.0.0.1:{server.grpc_port}",
        "options": {"reflection": True, "service": "krawall.mock.v1.Chat", "method": "Ask"},
    },
}


def holding(table: Table, short: bool) -> None:
    """Play with each connector; memory is the engine's Pss."""
    seconds = 15 if short else 60
    for kind, target in TARGETS.items():
        with bot() as server:
            server.behave(latency="900ms", first_token="500ms", gap="40ms", tokens="10")
            wanted = scenario(
                server.url, {"users": USERS, "duration": f"{seconds}s"},
                {"loop": 10, "steps": [{"message": "And what about number {{ turn }}?"}]}, stream=kind == "sse",
                window="last 4 turns", timeouts={"session": f"{seconds}s"}, target=target(server),
            )  # fmt: skip
            with played(table, [server.pid], wanted, seconds + 90) as session:
                if session.summary["errors"].keys() - {"cancelled"}:
                    raise RuntimeError(f"{kind}: {trouble(session.summary)}")
                _tell(table, kind, session.looks, session.summary, seconds)


def _tell(table: Table, kind: str, looks: list[Look], summary: dict[str, Any], seconds: int) -> None:
    end = looks[-1].at_ns - 2e9
    early = _pss_kb(looks, end - seconds * 0.7e9, end - seconds * 0.5e9)
    late = _pss_kb(looks, end - seconds * 0.2e9, end)
    table.raw[f"holding {kind}"] = {"early KB": early, "late KB": late, "turns": summary["turns"]}
    note = f"{late / 1024:.0f} MB with {USERS} users, {late / USERS:.0f} KB each; {summary['turns'] / seconds:,.0f} turns/s"
    table.add("holding", f"{kind}, growth of memory", (late - early) / early * 100, "%", most=5, note=note)


def _pss_kb(looks: list[Look], from_ns: float, to_ns: float) -> float:
    return statistics.median(one.pss_kb for one in looks if from_ns <= one.at_ns <= to_ns)
