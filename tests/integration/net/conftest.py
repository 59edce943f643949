"""Tests run on the event loop that ships; those of connections also on the one that is there when it cannot be installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from krawall.testing.asking import Answer, ask, talk
from krawall.testing.hostile import Action, read

Try = Callable[..., Awaitable[Answer]]


BOTH = {
    "test_net_connections.py",
    "test_http_replies.py",
    "test_sse_streams.py",
    "test_tls.py",
    "test_websocket_connections.py",
}
"""Files whose tests touch the loop itself; to run the others on one loop only keeps the suite short."""


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in BOTH:
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
async def _nothing_hangs() -> AsyncIterator[None]:
    """A test that waits for ever fails instead."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    alarm = loop.call_later(20, lambda: [other.cancel() for other in asyncio.all_tasks() if other is not task])
    yield
    alarm.cancel()


@pytest.fixture
def attempt() -> Try:
    """Ask a server once that reads the request and then does as the script says."""

    async def run(*script: Action, **fields: Any) -> Answer:
        async with talk([read(), *script], **fields) as (_, channel):
            return await ask(channel)

    return run
