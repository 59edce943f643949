"""Kills the mock bot in mid-stream, again and again, while users talk to it: `cuts.py [--kills 200] [--seed 1] [--port P]`.

For each connector the bot is a process of its own that is killed (SIGKILL) after a random time and started anew on the same ports.
Every attempt must end as a reply or as a fault of the right kind, none may hang, and none may be lost. Exit code 1: one did not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import subprocess
import sys
from collections import Counter
from typing import Any

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.model.connector import Channel
from krawall.model.exchange import FaultKind, TargetFault
from krawall.testing.asking import line_of, prompt_of, target_of

RIGHT = {FaultKind.connect, FaultKind.truncated}
USERS = 8
HANGS_S = 15.0
BEHAVIOUR = {"first_token": "5ms", "gap": "5ms", "tokens": "40", "latency": "100ms"}


def targets(port: int, grpc_port: int) -> dict[str, dict[str, Any]]:
    """Return a target for each connector."""
    base = f"http://127.0.0.1:{port}"
    return {
        "http": {"preset": "mock", "fields": {"base": base}},
        "sse": {"preset": "mock", "fields": {"base": base}, "stream": True},
        "websocket": {"preset": "custom-websocket", "url": f"ws://127.0.0.1:{port}/ws", "stream": True},
        "socketio": {"preset": "custom-socketio", "url": f"ws://127.0.0.1:{port}/socket.io/", "stream": True},
        "grpc": {"preset": "custom-grpc", "url": f"grpc://127.0.0.1:{grpc_port}", "stream": True},
    }


class Bot:
    """The mock bot, always on the same ports."""

    def __init__(self, port: int, grpc_port: int) -> None:
        self._command = [
            sys.executable,
            "-m",
            "krawall",
            "mock",
            "--port",
            str(port),
            *(["--grpc-port", str(grpc_port)] if grpc_port else []),
        ]
        for name, value in BEHAVIOUR.items():
            if name != "latency":
                self._command += [f"--{name.replace('_', '-')}", value]
        self._process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        """Start it and wait for its line."""
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout
        self._process.stdout.readline()

    async def kill(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait)


async def user(channel: Channel, counts: Counter[str], stop: asyncio.Event) -> None:
    """Talk until told to stop; count what came of each attempt."""
    while not stop.is_set():
        mark = Stamps(monotonic_ns)
        try:
            async with asyncio.timeout(HANGS_S):
                reply = await channel.exchange(prompt_of("hello there"), mark)
            counts["reply" if reply.text else "WRONG: an empty reply"] += 1
        except TargetFault as trouble:
            kind = trouble.fault.kind
            counts[kind.value if kind in RIGHT else f"WRONG: {kind.value} {trouble.fault.detail[:80]}"] += 1
            if kind is FaultKind.connect:
                await asyncio.sleep(0.05)
        except TimeoutError:
            counts["WRONG: hung"] += 1
        except Exception as error:
            counts[f"WRONG: {type(error).__name__}: {error}"[:120]] += 1
            await asyncio.sleep(0.05)


async def cuts(kind: str, settings: dict[str, Any], bot: Bot, kills: int, rng: random.Random) -> Counter[str]:
    """Kill the bot so often under one connector."""
    counts: Counter[str] = Counter()
    stop = asyncio.Event()
    await bot.start()
    async with line_of(target_of(**settings)) as line, asyncio.TaskGroup() as group:
        channels = [line.channel() for _ in range(USERS)]
        for channel in channels:
            group.create_task(user(channel, counts, stop))
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(0.05, 0.4))
            await bot.kill()
            await bot.start()
        await asyncio.sleep(0.5)
        stop.set()
    await bot.kill()
    for channel in channels:
        await channel.close()
    return counts


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def main() -> int:
    """Run it for each connector."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="in all, divided among the connectors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    port, grpc_port = _free(), _free()
    rng = random.Random(asked.seed)
    wanted = {kind: each for kind, each in targets(port, grpc_port).items() if asked.only in ("", kind)}
    wrong = 0
    for kind, settings in wanted.items():
        counts = await cuts(kind, settings, Bot(port, grpc_port), -(-asked.kills // len(wanted)), rng)
        wrong += sum(count for what, count in counts.items() if what.startswith("WRONG"))
        wrong += not counts["reply"]  # then nothing was tested
        print(kind, json.dumps(dict(counts.most_common())), flush=True)
    print("no attempt ended wrongly" if not wrong else f"{wrong} attempts ended wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
