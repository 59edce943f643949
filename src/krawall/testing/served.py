"""The API on a real socket for tests, a reader of its streams, and sessions that nobody plays."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from krawall.api.app import make_api
from krawall.api.serving import serve
from krawall.app import App
from krawall.ids import new_id
from krawall.model.event import SessionCompleted
from krawall.model.plan import Plan
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.testing.logs import SCENARIO
from krawall.testing.playing import plan_of

PATIENCE_S = 30  # for what must come; nothing waits so long unless it is broken
BEGAN_NS = 1_700_000_000_000_000_000


@asynccontextmanager
async def served(app: App) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the API on a socket of loopback and give a client of it."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms for an acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    stop, now, ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(app, make_api(app, app.tracing), listening, stop=stop, now=now, ready=ready.set))
        await ready.wait()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
            yield client
        stop.set()
        now.set()


@dataclass
class Message:
    """One message of a stream. `comment`: it was a comment."""

    event: str = ""
    data: Any = None
    id: str | None = None
    retry: str | None = None
    comment: str | None = None


class Stream:
    """Reads a stream message by message; comments and messages without data count too."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Message | None:
        """Return the next message, None at the end."""
        message, some = Message(), False
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                if not line:
                    if some:
                        return message
                    continue
                some = True
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not name:
                    message.comment = value
                elif name == "data":
                    message.data = json.loads(value)
                else:
                    setattr(message, name, value)
        return None

    async def until(self, event: str) -> list[Message]:
        """Return the messages up to the next one of a kind, which is the last."""
        found = []
        while (message := await self.next()) is not None:
            if message.event:
                found.append(message)
            if message.event == event:
                return found
        raise AssertionError(f"the stream ended without {event}: {found}")

    async def rest(self) -> list[Message]:
        """Return everything up to the end."""
        found = []
        while (message := await self.next()) is not None:
            found.append(message)
        return found


@asynccontextmanager
async def stream(client: httpx2.AsyncClient, path: str, **options: Any) -> AsyncIterator[Stream]:
    """Open a stream."""
    async with client.stream("GET", path, **options) as response:
        assert response.status_code == 200, await response.aread()
        yield Stream(response)


def a_session(**changes: Any) -> Session:
    """Return a session that nobody plays."""
    facts: dict[str, Any] = {
        "id": new_id("ses"), "name": "Late parcel", "scenario": "late-parcel", "target": "bot", "plan_hash": a_plan().digest(),
        "seed": 7, "shards": 1, "state": State.queued, "created_ns": BEGAN_NS, "actor": "ada",
    }  # fmt: skip
    return Session(**{**facts, **changes})


@functools.cache
def a_plan() -> Plan:
    """Return the plan of these sessions."""
    return plan_of(SCENARIO)


async def keep(app: App, **changes: Any) -> Session:
    """Keep a session that nobody plays."""
    return (await app.store.sessions.create(a_session(**changes), a_plan().to_json(), key=None)).session


async def finish(app: App, id: str) -> None:
    """End a session as a conductor does: its state and the event that says so in one transaction."""
    fence = await app.store.sessions.claim(id, "wrk_1")
    async with app.store.begin() as tx:
        await app.store.sessions.write(
            id, fence, state=State.finished, outcome=Outcome.completed, verdict=Verdict.passed, exit_code=0,
            finished_ns=BEGAN_NS + 100_000_000_000, tx=tx,
        )  # fmt: skip
        await app.store.events.append(SessionCompleted("passed", 0), "worker wrk_1", session=id, tx=tx)
