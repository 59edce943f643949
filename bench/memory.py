"""Memory of the engine process per user, at 1,000 users with open conversations."""

from __future__ import annotations

import statistics

from servers import Bot, bot
from sessions import played, scenario, trouble
from table import Table

USERS = 1000


def memory(table: Table, short: bool) -> None:
    """Play with one user and with 1,000; the difference of the engine's Pss, by user."""
    seconds = 6 if short else 10
    with bot() as server:
        server.behave(first_token="1500ms", gap="20ms", tokens="40")
        one = _pss_kb(table, server, 1, seconds)
        many = _pss_kb(table, server, USERS, seconds)
        most = server.stats()["in_flight_max"]
    table.raw["memory"] = {"one user": one, "many users": many, "in flight": most}
    note = f"{many / 1024:.0f} MB at {USERS}, {one / 1024:.0f} MB at 1; {most} turns in flight at most"
    table.add("memory", f"per user, {USERS} streams open", (many - one) / (USERS - 1), "KB", most=64, note=note)


def _pss_kb(table: Table, server: Bot, users: int, seconds: int) -> float:
    """Return the engine's proportional set size in the last 3 s before its end, KB: the median of the looks."""
    load = {"users": users, "duration": f"{seconds}s"}
    wanted = scenario(
        server.url, load, {"loop": 20, "steps": [{"message": "And what about number {{ turn }}?"}]}, stream=True,
        window="last 4 turns", timeouts={"session": f"{seconds}s"},
    )  # fmt: skip
    with played(table, [server.pid], wanted, seconds + 90) as session:
        if session.summary["errors"].keys() - {"cancelled"}:
            raise RuntimeError(f"{users} users: {trouble(session.summary)}")
        looks = session.looks
    last = [one.pss_kb for one in looks if one.at_ns > looks[-1].at_ns - 5e9 and one.at_ns < looks[-1].at_ns - 2e9]
    return statistics.median(last)
