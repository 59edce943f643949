"""How fast the messages of a big session are found: writes a log of many lines, compacts it, times the questions of the UI.

    python bench/archive.py [--messages 1000000] [--folder DIR] [--kept]

Each question is asked several times; the median and the slowest are shown, in ms, with the process's peak memory.
"""

from __future__ import annotations

import random
from pathlib import Path

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
