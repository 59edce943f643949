"""How fast the messages of a big session are found: writes a log of many lines, compacts it, times the questions of the UI.

    python bench/archive.py [--messages 1000000] [--folder DIR] [--live]

Each question is asked seven times: median and slowest in ms, and the processor time of the fastest, which others on the
machine disturb less. A folder that was named is kept, and used again. `--live` asks the log as it is, before compaction.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from krawall.archive.compact import compact
from krawall.archive.export import export
from krawall.archive.query import MessagePage, conversation, conversations, messages
from krawall.archive.segments import segments
from krawall.model.exchange import Check, Checked, Exchange, Fault, FaultKind, Line, Told, Usage
from krawall.version import __version__
from krawall.wire.log import Header, encode_lines

SHARDS = 4
TURNS = 8
SECOND = 1_000_000_000
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]


def write_log(folder: Path, messages: int, seed: int = 1) -> None:
    """Write the log of a session of `messages` messages in eight turns each, over four shards and an attempt that was lost."""
    dice = random.Random(seed)
    words = ["".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(20_000)]
    (folder / "log").mkdir(parents=True, exist_ok=True)
    each = messages // SHARDS
    for shard in range(SHARDS):
        _write_shard(folder / "log", shard, 1 if shard else 2, each, dice, words)


def _write_shard(log: Path, shard: int, attempt: int, messages: int, dice: random.Random, words: list[str]) -> None:
    with open(log / f"{shard}-{attempt}-0.jsonl", "wb") as file:
        file.write(encode_lines([Header(1, __version__, "ses_bench", shard, attempt, 0, "0" * 16)]))
        batch: list[Line] = []
        for index in range(messages):
            batch += _lines(index, shard, dice, words)
            if len(batch) >= 4096:
                file.write(encode_lines(batch))
                batch.clear()
        file.write(encode_lines(batch))


def _lines(index: int, shard: int, dice: random.Random, words: list[str]) -> list[Line]:
    """Return one message, and the ends of its conversation after its last turn. 200 conversations are open at once."""
    block, rest = divmod(index, 200 * TURNS)
    turn, place = divmod(rest, 200)
    conversation = (block * 200 + place) * SHARDS + shard
    sent = index * SECOND // 500 + dice.randint(0, SECOND)
    took = int(dice.lognormvariate(0, 0.5) * SECOND)
    fault = None
    if dice.random() < 0.01:
        kind = dice.choices([FaultKind.rate_limited, FaultKind.timeout, FaultKind.connect], [90, 9.9, 0.1])[0]
        fault = Fault(kind, f"{kind.value} after {took} ns", 429 if kind == FaultKind.rate_limited else None)
    heard = " ".join(dice.choices(words, k=dice.randint(10, 120)))
    message = Exchange(
        conversation=conversation,
        user=conversation % 200,
        turn=turn + 1,
        attempt=1,
        phase="measure",
        step=f"steps.{turn}",
        planned_ns=sent - 1000,
        start_ns=sent - 500,
        sent_ns=sent,
        done_ns=sent + took,
        byte_ns=sent + took // 4,
        event_ns=sent + took // 4,
        token_ns=sent + took // 4,
        seen_ns=sent + took // 4,
        last_ns=sent + took,
        events=30,
        gaps_us=[dice.randint(1000, 60000) for _ in range(10)],
        usage=Usage(dice.randint(50, 500), dice.randint(10, 200), cost_pico=dice.randint(1, 10**9)),
        status=fault.status if fault else 200,
        fault=fault,
        checks=[Check("contains", dice.random() < 0.95)] if turn == 3 else [],
        said=" ".join(dice.choices(words, k=dice.randint(5, 20))),
        heard="" if fault else heard,
    )
    if turn < TURNS - 1:
        return [message]
    told = Told(conversation, message.user, "measure", sent, sent, sent + took, "completed", TURNS, 1000, 500, 10**9)
    return [message, Checked(conversation, turn + 1, "measure", "steps.9", [Check("polite", True)]), told]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--live", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        if not segments(folder / "log"):
            _once("write the log", lambda: write_log(folder, asked.messages))
        size = sum(path.stat().st_size for path in (folder / "log").iterdir())
        print(f"log: {size / 1e6:,.0f} MB")
        if asked.live:
            _once("read the log in", lambda: messages(folder))
        else:
            _once("compact", lambda: compact(folder, compress_log=False))
            print(f"Parquet: {sum(path.stat().st_size for path in folder.glob('*.parquet')) / 1e6:,.0f} MB")
        _ask(folder)
        for format in ("csv", "jsonl", "parquet"):
            _once(f"export {format}", lambda: sum(map(len, export(folder, "messages", format))))  # noqa: B023


def _ask(folder: Path) -> None:
    newest = messages(folder).newest
    middle = newest // 2
    some = messages(folder, start=middle, limit=1).items[0]
    questions: dict[str, Callable[[], MessagePage]] = {
        "first page": lambda: messages(folder),
        "page in the middle": lambda: messages(folder, start=middle),
        "last page": lambda: messages(folder, start=newest - 199),
        "page without texts": lambda: messages(folder, start=middle, bodies=False),
        "any error": lambda: messages(folder, error="any"),
        "rare error": lambda: messages(folder, error="connect"),
        "error of one in a thousand": lambda: messages(folder, error="timeout"),
        "the same without texts": lambda: messages(folder, error="timeout", bodies=False),
        "status": lambda: messages(folder, status=429),
        "conversation": lambda: messages(folder, conversation=some["conversation"]),
        "slow ones": lambda: messages(folder, slower_ms=4000, bodies=False),
        "search: in every page": lambda: messages(folder, search="rad"),
        "search: a phrase that is there": lambda: messages(folder, search=some["said"][:12]),
        "search: nowhere": lambda: messages(folder, search="zzqqzz"),
        "conversations": lambda: conversations(folder, start=newest // 16),
    }
    for name, question in questions.items():
        _often(name, question)
    _often("one conversation", lambda: MessagePage(conversation(folder, some["conversation"]), None, newest))
    start: int | None = 0
    began, calls = time.perf_counter(), 0
    while start is not None:
        start, calls = messages(folder, search="zzqqzz", start=start).next, calls + 1
    print(f"{'search: nowhere, to the end':34} {(time.perf_counter() - began) * 1e3:9.1f} ms in {calls} pages")


def _often(name: str, question: Callable[[], MessagePage]) -> None:
    walls, works = [], []
    for _ in range(7):
        began, work = time.perf_counter(), time.process_time()
        page = question()
        walls.append((time.perf_counter() - began) * 1e3)
        works.append((time.process_time() - work) * 1e3)
    print(
        f"{name:34} {statistics.median(walls):9.1f} {max(walls):9.1f} ms   cpu {min(works):6.1f} ms   "
        f"{len(page.items):4} rows{'' if page.next is None else ' ...'}"
    )


def _once(name: str, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name:34} {time.perf_counter() - began:9.1f} s    peak of memory {peak:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
