"""`krawall queue` and `krawall workers`."""

from __future__ import annotations

from typing import Any

from krawall.cli.client import Client, Where
from krawall.cli.listing import print_list, say, when
from krawall.cli.output import print_json

_STATES = ("waiting", "prioritized", "delayed", "active", "failed")


def queue(*, json: bool = False, where: Where = Where()) -> None:
    """Show how many jobs of a server wait, run or failed.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    with Client(where) as client:
        found = client.get("/queue")
    if json:
        print_json(found)
        return
    counts: dict[str, dict[str, int]] = found["counts"]
    rows = [[name, *(states.get(state, 0) for state in _STATES)] for name, states in counts.items()]
    print_list(["queue", *_STATES], rows, right=_STATES, empty="no queues yet")
    if found.get("detail"):
        say(f"\n{found['detail']}")


def workers(*, json: bool = False, where: Where = Where()) -> None:
    """List the workers of a server, and what they play.

    Parameters
    ----------
    json
        Print a JSON list.
    """
    with Client(where) as client:
        answer = client.get("/workers")
    found = answer["items"] if isinstance(answer, dict) else answer
    if json:
        print_json(found)
        return
    print_list(
        ["id", "host", "state", "engines", "lag ms", "cpu", "+memory MB", "+seen", "plays"],
        [_row(one) for one in found],
        right=("engines", "lag ms", "cpu", "memory MB"),
        empty="no workers: `krawall worker` starts one",
    )


def _row(one: dict[str, Any]) -> list[object]:
    return [
        one["id"],
        f"{one['host']}:{one['pid']}",
        one["state"],
        one["slots"],
        f"{one['lag_ms']:.1f}",
        f"{one['cpu']:.2f}",
        f"{one['memory'] / 1e6:.0f}",
        when(one.get("seen_at")),
        ", ".join(one["playing"]),
    ]
