"""The bench: `run.py` measures everything, `run.py speed truth --short` some of it quickly. Figures to bench/out/results.json.

Server on one core, client on another; every bar is a ratio or a difference within one run. Exit code 1: a bar was missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

from holding import holding
from honest import honest
from machine import OUT, SERVER
from memory import memory
from speed import speed
from table import Table
from truth import truth
from work import work

PARTS: dict[str, Callable[[Table, bool], None]] = {
    "speed": speed,
    "truth": truth,
    "memory": memory,
    "work": work,
    "honest": honest,
    "holding": holding,
}
ASKED_FOR = {"holding"}
"""Parts that take minutes each and are measured only when they are named."""


def main() -> int:
    """Run the parts asked for, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; default: all but {', '.join(ASKED_FOR)}"
    )
    parser.add_argument(
        "--short", action="store_true", help="seconds instead of minutes: shows that it works, measures little"
    )
    asked = parser.parse_args()
    if unknown := [part for part in asked.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    OUT.mkdir(exist_ok=True)
    began = time.monotonic()
    table = Table()
    table.begin()
    for name in asked.parts or [name for name in PARTS if name not in ASKED_FOR]:
        table.attempt(name, partial(PARTS[name], table, asked.short))
    return 0 if table.finish(OUT / "results.json", time.monotonic() - began) else 1


if __name__ == "__main__":
    os.sched_setaffinity(0, {SERVER})
    sys.exit(main())
