"""Round trips a second of the WebSocket connector on one core, and what a user's kept connection takes of memory.

    .venv/bin/python bench/websocket.py [--seconds 5] [--users 32]

The server is picows' own, an echo on the other core; the client is the connector with stamps and mapping, but no engine. Memory is
the growth of the client's resident set from 100 to 1,100 connected users that have each had one reply.
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

GOAL = 15_000
ECHO = """
import asyncio, picows, uvloop
class Echo(picows.WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type == picows.WSMsgType.TEXT:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())
async def main():
    server = await picows.ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


async def main(port: int, users: int, seconds: float) -> int:
    """Measure, print, return the exit code: 1 when the goal was missed."""
    target = target_of(connector="websocket", url=f"ws://127.0.0.1:{port}/", reply={"text": "message"})
    async with line_of(target) as line:
        each_kb = await memory_kb(line)
        wall, cpu = await speed(line, users, seconds)
    print(
        f"{users} users, {seconds:g} s: {wall:,.0f} round trips/s; {cpu:,.0f} for a second of the client's CPU (goal {GOAL:,})"
    )
    print(f"{each_kb:.1f} KB for each of {MANY:,} users connected")
    return 0 if max(wall, cpu) >= GOAL else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    with process([sys.executable, "-c", ECHO], SERVER, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        os.sched_setaffinity(0, {CLIENT})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(main(int(server.stdout.readline()), given.users, given.seconds))
    sys.exit(code)
