"""Calls a second of the gRPC connector on one core, and what a user's connection takes of memory.

    .venv/bin/python bench/calls.py [--seconds 5] [--users 32]

The server is grpcio's own, an echo in C++ threads and Python on the other core, so it is as likely the limit as we are: what a call
costs the client is the figure that counts. The client is the connector with stamps and mapping, but no engine. Memory is the growth of
the client's resident set from 100 to 1,100 connected users that have each had one reply.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys

import uvloop

from krawall.testing.asking import line_of, target_of
from lines import MANY, memory_kb, speed
from machine import CLIENT, SERVER, process

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


def _target(port: int, method: str) -> object:
    return target_of(
        connector="grpc", url=f"grpc://127.0.0.1:{port}", reply={"text": "message"},
        options={"proto": PROTO, "method": method},
    )  # fmt: skip


async def main(port: int, users: int, seconds: float) -> None:
    """Measure and print."""
    async with line_of(_target(port, "Ask")) as line:
        each_kb = await memory_kb(line)
        wall, cpu = await speed(line, users, seconds)
    print(f"{users} users, {seconds:g} s, unary: {wall:,.0f} calls/s; {1e6 / cpu:.0f} us of the client's CPU for each")
    async with line_of(_target(port, "Follow")) as line:
        wall, cpu = await speed(line, users, seconds)
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
