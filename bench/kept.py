"""A server that keeps a lot: 1,000 finished sessions and 5 million messages. Times its answers, and watches its memory.

    .venv/bin/python bench/kept.py [--folder DIR]

A folder that was named is kept, and used again. 999 sessions of 4,000 messages share one set of files by hard links, one session has 1,004,000. The figures are milliseconds
from request to last byte over loopback, the median and the worst of nine, and the server's resident memory before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from archive import write_log
from krawall.archive.compact import compact
from krawall.clock import wall_ns
from krawall.ids import new_id
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.store.store import Store
from krawall.testing.installation import Installation

SESSIONS, SMALL, BIG = 999, 4_000, 1_004_000
MOST_MS = 200
DAY_NS = 86_400 * 1_000_000_000


async def fill(home: Path) -> str:
    """Make the rows and files; return the id of the big session."""
    small, big = home / "small", home / "big"
    for folder, messages in ((small, SMALL), (big, BIG)):
        write_log(folder, messages)
        compact(folder)
    store = await Store.open(f"sqlite:///{home / 'krawall.db'}")
    big_id = ""
    for number in range(SESSIONS + 1):
        id = new_id("ses")
        source, messages = (big, BIG) if number == SESSIONS // 2 else (small, SMALL)
        big_id = id if source is big else big_id
        created = wall_ns() - (SESSIONS - number) * DAY_NS // 20
        session = Session(
            id=id, name=f"night {number % 50}", scenario=f"scenario {number % 20}", target=f"bot {number % 7}",
            plan_hash=f"{number:016x}", seed=number, shards=4, state=State.finished, created_ns=created, actor="local",
            outcome=Outcome.completed, verdict=(Verdict.passed, Verdict.failed)[number % 2], exit_code=0,
            started_ns=created, finished_ns=created + 60 * 1_000_000_000, conversations=messages // 8, turns=messages,
            errors=number, cost_pico=number * 10**9, p95_ms=float(number),
        )  # fmt: skip
        await store.sessions.take_in(session, b"{}", summary=msgspec.json.encode({"session": id}))
        await store.sessions.mark_compacted(id)
        place = home / "archive" / "sessions" / id
        place.mkdir(parents=True)
        for file in source.glob("*.parquet"):
            os.link(file, place / file.name)
    await store.close()
    return big_id


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="krawall-kept-") as made:
        home = given.folder or Path(made)
        home.mkdir(parents=True, exist_ok=True)
        mark = home / "big.id"
        if not mark.exists():
            mark.write_text(asyncio.run(fill(home)))
        big = mark.read_text()
        with Installation(home) as place:
            place.serve(8629, "--no-worker")
            return ask(place, big)


def ask(place: Installation, big: str) -> int:
    of_big = f"/sessions/{big}/messages"
    questions = {
        "sessions, first page": "/sessions?limit=50",
        "sessions, by cost": "/sessions?sort=-cost_usd&limit=50",
        "sessions, filtered": "/sessions?verdict=failed&target=bot 3&limit=50",
        "sessions, searched": "/sessions?search=night 7&limit=50",
        "messages, first page": f"{of_big}?limit=200",
        "messages, in the middle": f"{of_big}?from=500000&limit=200",
        "messages, at the end": f"{of_big}?from={BIG - 200}&limit=200",
        "messages, errors": f"{of_big}?error=any&limit=200",
        "messages, timeouts from the middle": f"{of_big}?error=timeout&from=500000&limit=200",
        "messages, one conversation": f"{of_big}?conversation=77777&limit=200",
        "messages, a word": f"{of_big}?search=bandel&limit=50",
        "messages, words that nobody said": f"{of_big}?search=zebra crossing&limit=50",
    }
    worst = 0.0
    before = memory(place)
    for name, path in questions.items():
        place.get(path)
        took = []
        for _ in range(9):
            began = time.perf_counter()
            place.get(path)
            took.append((time.perf_counter() - began) * 1e3)
        worst = max(worst, statistics.median(took))
        print(f"{name:38s} median {statistics.median(took):7.1f} ms   worst {max(took):7.1f} ms", flush=True)
    for _ in range(50):
        place.get(f"{of_big}?search=bandel&limit=200")
    print(f"memory of the server: {before / 1e6:.0f} MB at first, {memory(place) / 1e6:.0f} MB after all that")
    return 0 if worst < MOST_MS else 1


def memory(place: Installation) -> int:
    pages = Path(f"/proc/{place.processes['server'].pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
