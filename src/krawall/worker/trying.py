"""Plays one conversation against a mock bot of its own, on loopback: `python -m krawall.worker.trying`.

Reads a `Wanted` as JSON from standard input, writes a `Tried` as JSON to standard output. Begun by `services.trying`.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from krawall.clock import monotonic_ns
from krawall.engine.outbox import Kept
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.model.budget import Spend
from krawall.model.plan import Plan, ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.plugins.assemble import read_plan
from krawall.services.trying import MOST_MESSAGES, MOST_S, Tried, Wanted, deadline_ns, tried

COMMAND = (sys.executable, "-m", "krawall.worker.trying")
_PLENTY = 10**15
_FIRST_TOKEN, _GAP = "80ms..160ms", "5ms..15ms"  # of a quick chatbot, so that times are times


async def play(plan: Plan, persona: str) -> Tried:
    """Play the plan's first conversation and return it, after MOST_MESSAGES messages or MOST_S seconds as far as it came."""
    async with serve(Behaviour(persona, plan.seed, first_token=_FIRST_TOKEN, gap=_GAP)) as bot:
        target = plan.target.model_copy(update={"url": f"{bot.url}/v1/chat/completions"})
        return await _played(plan.model_copy(update={"target": target}), persona)


async def _played(plan: Plan, persona: str) -> Tried:
    kept, why = Kept(), ""
    program = Program(plan, ShardSpec("ses_tried", 0, 1, 1, ""))
    program.env = {name: f"${{{name}}}" for name in program.env}  # values of the server's environment are not for show
    shard = Shard(program, [kept])
    latest_ns = deadline_ns(monotonic_ns())

    async def report(progress: Progress) -> Orders:
        nonlocal why
        if monotonic_ns() >= latest_ns:
            why = why or f"it is cut off after {MOST_S:.0f} s"
        elif progress.stop:
            capped = progress.stop.startswith("cap: requests")
            why = why or (f"it is cut off after {MOST_MESSAGES} messages" if capped else progress.stop)
        return Orders(
            go_at_ns=monotonic_ns(),
            stop="now" if why else "no",
            allowance=Spend(_PLENTY, _PLENTY, MOST_MESSAGES, 1),
            reason=why,
            answers=progress.seq,
        )

    await shard.play(report)
    return tried(plan, persona, kept.lines, why or shard.trouble.strip().rpartition("\n")[2])


def main() -> None:
    """Play one conversation as standard input wants it."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints goes to standard error
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted)
    result = msgspec.json.encode(asyncio.run(play(read_plan(wanted.plan.encode()), wanted.persona)))
    with os.fdopen(out, "wb") as file:
        file.write(result)


if __name__ == "__main__":
    main()
