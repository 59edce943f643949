"""What Krawall itself costs, measured in this process: `own.py PORT TURNS` prints microseconds of CPU as JSON. PORT: a mockchat.

exchange  a turn without a network: steps, template, history, budget, record, tally, log; by the echo connector
turn      the same over loopback against mockchat: request and reply encoded, sent, parsed, mapped
event     a token event of a stream: framing, decoding, stamps; by the connector's own reader over made-up bytes
gap       what a token adds to counting an exchange
request   a request and its reply with nothing around it: the HTTP connection alone, against mockchat
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from krawall.clock import monotonic_ns
from krawall.engine.gate import Environment, Pinned
from krawall.engine.logfile import LogFile
from krawall.engine.mark import Stamps
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.metrics.tally import Tally
from krawall.model.budget import Spend
from krawall.model.exchange import Exchange, Usage
from krawall.model.plan import Plan, ShardSpec
from krawall.model.policy import Timeouts
from krawall.model.progress import Orders, Progress
from krawall.model.scenario import Scenario
from krawall.net.caller import Route
from krawall.net.http1 import Connection
from krawall.plugins.assemble import assemble
from krawall.plugins.connectors.sse import SseChannel, SseLine
from krawall.services.planning import Overrides, make_plan

PLENTY = Spend(10**18, 10**15, 10**12, 10**12)
TOKENS = 64
USERS = 64


def plan_of(target: dict[str, Any], conversations: int) -> Plan:
    """Return a plan: conversations of 20 messages of one word each, so that an echo has one token."""
    message = "Hello,-my-name-is-Ada-and-I-would-like-to-know-about-my-order-number-{{ 1000 + user }},-turn-{{ turn }}."
    scenario = Scenario.model_validate(
        {
            "name": "Own work",
            "target": target,
            "system": "You are a helpful assistant of a shop. Answer in a friendly and short way.",
            "window": "last 4 turns",
            "steps": [{"loop": 20, "steps": [{"message": message}]}],
            "load": {"users": USERS, "conversations": conversations},
            "budget": {"duration": "5m"},
        }
    )
    return make_plan(scenario, Path(), Overrides(), "bench")


async def exchange(target: dict[str, Any], turns: int) -> float:
    """Play a shard in this process; return CPU per turn, us, the log's thread included."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent / "out") as folder:
        return await _exchange(
            plan_of({**target, "prices": {"input": 0.15, "output": 0.6}}, turns // 20), turns, folder
        )


async def _exchange(plan: Plan, turns: int, folder: str) -> float:
    shard = Shard(Program(plan, ShardSpec("bench", 0, 1, 1, folder)), [LogFile(folder, "bench", 0, 1, "0", True)])

    async def report(progress: Progress) -> Orders:
        return Orders(monotonic_ns(), "no", PLENTY)

    began = time.process_time()
    await shard.play(report)
    spent = time.process_time() - began
    counted = shard.tally.view().turns
    if counted != turns // 20 * 20:
        raise RuntimeError(f"{counted} turns were played, not {turns}")
    return spent / counted * 1e6


def event(streams: int) -> float:
    """Feed streams of 64 tokens, one event a read, to the connector's reader; return CPU per event, us."""
    plan = plan_of({"preset": "openai-chat", "url": "http://127.0.0.1:9/", "stream": True}, 1)
    route = Route(plan.target, Environment(), Pinned(plan.granted), "bench", Timeouts(), "0")
    channel, mark = SseChannel(SseLine(route)), Stamps(monotonic_ns)
    head = (
        b'{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock","ts":994898050646,'
    )
    data = [
        b'data: %b"choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}]}\n\n' % (head, at)
        for at in range(TOKENS)
    ]  # fmt: skip
    spent = 0.0
    for _ in range(streams):
        mark.reset()
        channel._clear()
        channel._mark = mark
        channel.on_head(200, {b"content-type": b"text/event-stream"})
        began = time.process_time()
        for one in data:
            channel.on_body(one, monotonic_ns())
        spent += time.process_time() - began
        if mark.events != TOKENS:
            raise RuntimeError(f"{mark.events} events were read, not {TOKENS}")
    return spent / streams / TOKENS * 1e6


def gap(exchanges: int) -> float:
    """Count exchanges with 63 gaps and with none; return the difference per gap, us of CPU."""

    def counting(gaps: list[int]) -> float:
        tally = Tally()
        usage = Usage(64, TOKENS)
        line = Exchange(
            1, 1, 1, 1, "measure", "steps.0", 0, 1_000, 2_000, 700_000_000, 50_000_000, 50_000_000, 50_000_000, 50_000_000,
            680_000_000, 0, TOKENS, gaps, usage, 200,
        )  # fmt: skip
        began = time.process_time()
        for _ in range(exchanges):
            tally.add(line)
        tally.view()
        return time.process_time() - began

    gaps = [10_000 + 37 * at % 900 for at in range(TOKENS - 1)]
    return (counting(gaps) - counting([])) / exchanges / len(gaps) * 1e6


class Reader:
    """Reads a reply and keeps nothing."""

    def on_byte(self, at_ns: int) -> None:
        """The first byte is of no interest here."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Nothing to do."""

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Nothing to do."""
        return False


async def request(port: int, requests: int) -> float:
    """Ask mockchat over 64 connections with a fixed request; return CPU per request, us."""
    message = {"role": "user", "content": "Hello, my name is Ada and I would like to know about my order number 1000."}
    body = json.dumps({"model": "mock", "messages": [message] * 8, "max_tokens": 64, "stream": False}).encode()
    payload = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    payload += b"content-length: %d\r\n\r\n%b" % (len(body), body)
    loop = asyncio.get_running_loop()

    async def user() -> None:
        _, connection = await loop.create_connection(lambda: Connection(loop, 65_536, 1_000_000), "127.0.0.1", port)
        reader = Reader()
        for _ in range(requests // USERS):
            await connection.request(payload, reader)
        connection.abort()

    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(USERS):
            group.create_task(user())
    return (time.process_time() - began) / (requests // USERS * USERS) * 1e6


def main() -> None:
    """Measure all of it three times; the least disturbed counts, which for CPU time is the smallest."""
    assemble()
    port, turns = int(sys.argv[1]), int(sys.argv[2])
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    found: dict[str, float] = {}
    for _ in range(3):
        measured = {
            "exchange": uvloop.run(exchange({"connector": "echo"}, turns)),
            "turn": uvloop.run(exchange({"preset": "openai-chat", "url": url, "request": {"max_tokens": 64}}, turns)),
            "request": uvloop.run(request(port, turns)),
            "event": event(turns // 40),
            "gap": gap(turns // 20),
        }
        found = {name: min(value, found.get(name, value)) for name, value in measured.items()}
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
