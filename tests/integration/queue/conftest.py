"""One Valkey for all tests of the queue, emptied for each; tests that kill one have their own."""

from __future__ import annotations

import asyncio

import pytest

from krawall.queue.jobs import Jobs
from krawall.testing.valkeys import valkey_server


@pytest.fixture(scope="session")
def one_server():
    with valkey_server() as server:
        yield server


@pytest.fixture
def server(one_server):
    one_server.flush()
    return one_server


@pytest.fixture
def mortal():
    """A server that the test may kill; its address stays."""
    with valkey_server(tcp=True) as server:
        yield server


@pytest.fixture
async def jobs(server):
    jobs = Jobs(server.url)
    yield jobs
    await jobs.close()


@pytest.fixture
async def mortal_jobs(mortal):
    jobs = Jobs(mortal.url)
    yield jobs
    await jobs.close()


@pytest.fixture
def eventually():
    """Wait until an async condition holds; fail after 20 seconds."""

    async def wait(condition):
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110  # the condition is the server's
                await asyncio.sleep(0.01)

    return wait
