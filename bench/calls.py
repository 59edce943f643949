"""Calls a second of the gRPC connector on one core, and what a user's connection takes of memory.

    .venv/bin/python bench/calls.py [--seconds 5] [--users 32]

The server is grpcio's own, an echo in C++ threads and Python on the other core, so it is as likely the limit as we are: what a call
costs the client is the figure that counts. The client is the connector with stamps and mapping, but no engine. Memory is the growth of
the client's resident set from 100 to 1,100 connected users that have each had one reply.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import subprocess
import sys
import time

import uvloop

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.model.connector import Channel, Line
from krawall.testing.asking import line_of, prompt_of, target_of
from machine import CLIENT, SERVER, process

MANY = 1000
TOKENS = 50
PROTO = """
syntax = "proto3";
package bench;
service Echo {
  rpc Ask (Said) returns (Said);
  rpc Follow (Said) returns (stream Said);
}
message Said { string message = 1; }
"""
ECHO = f"""
import asyncio, grpc, uvloop
async def ask(request, context):
    return request
async def follow(request, context):
    for _ in range({TOKENS}):
        yield request
handlers = {{"Ask": grpc.unary_unary_rpc_method_handler(ask), "Follow": grpc.unary_stream_rpc_method_handler(follow)}}
async def main():
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()
uvloop.run(main())
"""


async def _ask(channel: Channel, until_ns: int) -> int:
    mark, prompt, count = Stamps(monotonic_ns), prompt_of("where is my parcel?"), 0
    while monotonic_ns() < until_ns:
        mark.reset()
        await channel.exchange(prompt, mark)
        count += mark.events
    return count


async def _speed(line: Line, users: int, seconds: float) -> tuple[float, float]:
    """Return messages received a second of wall clock, and of CPU time of the client (all its threads)."""
    channels = [line.channel() for _ in range(users)]
    await asyncio.gather(*(_ask(channel, monotonic_ns() + 300_000_000) for channel in channels))
    began, cpu = monotonic_ns(), time.process_time()
    counts = await asyncio.gather(*(_ask(channel, began + round(seconds * 1e9)) for channel in channels))
    took, cpu = (monotonic_ns() - began) / 1e9, time.process_time() - cpu
    for channel in channels:
        await channel.close()
    return sum(counts) / took, sum(counts) / cpu


def _resident_kb() -> float:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1024


async def _memory(line: Line) -> float:
    """Return KB for each user that is connected and has had a reply."""
    channels: list[Channel] = []

    async def grow(by: int) -> float:
        for _ in range(by):
            channel = line.channel()
            channels.append(channel)
            await channel.exchange(prompt_of("hello"), Stamps(monotonic_ns))
        return _resident_kb()

    before = await grow(100)
    after = await grow(MANY)
    for channel in channels:
        await channel.close()
    return (after - before) / MANY


def _target(port: int, method: str) -> object:
    return target_of(
        connector="grpc", url=f"grpc://127.0.0.1:{port}", reply={"text": "message"},
        options={"proto": PROTO, "method": method},
    )  # fmt: skip


async def main(port: int, users: int, seconds: float) -> None:
    """Measure and print."""
    async with line_of(_target(port, "Ask")) as line:
        each_kb = await _memory(line)
        wall, cpu = await _speed(line, users, seconds)
    print(f"{users} users, {seconds:g} s, unary: {wall:,.0f} calls/s; {1e6 / cpu:.0f} us of the client's CPU for each")
    async with line_of(_target(port, "Follow")) as line:
        wall, cpu = await _speed(line, users, seconds)
    print(f"streams of {TOKENS} messages: {wall:,.0f} messages/s; {1e6 / cpu:.0f} us of the client's CPU for each")
    print(f"{each_kb:.1f} KB for each of {MANY:,} users connected")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    with process([sys.executable, "-c", ECHO], SERVER, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        os.sched_setaffinity(0, {CLIENT})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(int(server.stdout.readline()), given.users, given.seconds))
