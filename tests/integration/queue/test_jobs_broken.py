"""What a job may rely on when something dies: the worker that has it, the server, the line between them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from krawall.errors import Unavailable
from krawall.model.job import ConductSession, Upkeep
from krawall.queue.jobs import Jobs, Taken

NOTHING = {"waiting": 0, "active": 0, "delayed": 0, "prioritized": 0, "failed": 0}

WORKER = """
import asyncio, sys
from krawall.queue.jobs import Jobs

async def handler(job, taken):
    print(taken.id, flush=True)
    await asyncio.Event().wait()

async def main():
    async with Jobs(sys.argv[1]).work("sessions", handler, concurrency=2, lock_s=1.0, stalled_s=0.2):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class Handler:
    """Notes what it gets, how many run at once for one id, and how they end; each call waits for `go`."""

    def __init__(self, *, held: bool = False) -> None:
        self.got: asyncio.Queue[Taken] = asyncio.Queue()
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.running: list[str] = []
        self.done: list[str] = []
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    async def __call__(self, job, taken):
        assert taken.id not in self.running, "two handlers have one job"
        self.running.append(taken.id)
        self.got.put_nowait(taken)
        try:
            await self.go.wait()
            self.done.append(taken.id)
        except asyncio.CancelledError:
            self.cancelled.put_nowait(taken.id)
            raise
        finally:
            self.running.remove(taken.id)

    async def next(self):
        async with asyncio.timeout(20):
            return await self.got.get()


@pytest.fixture
async def child(server):
    """A worker in a process of its own that never finishes a job."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, server.url, stdout=asyncio.subprocess.PIPE
    )
    assert await child.stdout.readline() == b"ready\n"
    yield child
    if child.returncode is None:
        child.kill()
        await child.wait()


async def test_the_job_of_a_killed_worker_is_taken_over_once(jobs, child, eventually):
    handler = Handler()
    await jobs.enqueue(ConductSession("ses_1"), id="s1")
    assert await child.stdout.readline() == b"s1\n"
    child.send_signal(signal.SIGKILL)
    await child.wait()

    await jobs.enqueue(ConductSession("ses_1"), id="s1")  # upkeep finds the session unfinished and asks again
    assert (await jobs.counts())["sessions"] == NOTHING | {"active": 1}
    async with jobs.work("sessions", handler, concurrency=2, lock_s=1.0, stalled_s=0.2):
        assert await handler.next() == Taken(id="s1", attempt=1, stalled=1)
        await eventually(lambda: _is_nothing(jobs, "sessions"))
    assert handler.done == ["s1"]


async def test_a_job_survives_any_number_of_workers(jobs, child, server, eventually):
    await jobs.enqueue(ConductSession("ses_1"), id="s1")
    assert await child.stdout.readline() == b"s1\n"
    child.kill()
    for _ in range(2):
        next_one = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, server.url, stdout=asyncio.subprocess.PIPE
        )
        assert await next_one.stdout.readline() == b"ready\n"
        assert await next_one.stdout.readline() == b"s1\n"
        next_one.kill()
        await next_one.wait()
    handler = Handler()
    async with jobs.work("sessions", handler, concurrency=1, lock_s=1.0, stalled_s=0.2):
        assert await handler.next() == Taken(id="s1", attempt=1, stalled=3)
        await eventually(lambda: _is_nothing(jobs, "sessions"))


async def test_the_job_of_a_frozen_worker_is_taken_over_and_it_lets_go_when_it_wakes(jobs, child, eventually):
    handler = Handler()
    await jobs.enqueue(ConductSession("ses_1"), id="s1")
    assert await child.stdout.readline() == b"s1\n"
    os.kill(child.pid, signal.SIGSTOP)
    async with jobs.work("sessions", handler, concurrency=1, lock_s=1.0, stalled_s=0.2):
        assert (await handler.next()).stalled == 1
        await eventually(lambda: _is_nothing(jobs, "sessions"))
    os.kill(child.pid, signal.SIGCONT)
    # It holds two jobs at most and has let go of the first one when it takes a second and a third.
    await jobs.enqueue(ConductSession("ses_2"), id="s2")
    await jobs.enqueue(ConductSession("ses_3"), id="s3")
    async with asyncio.timeout(20):
        assert sorted([await child.stdout.readline(), await child.stdout.readline()]) == [b"s2\n", b"s3\n"]


async def test_a_job_that_lives_long_is_not_taken_over(jobs, server, eventually):
    one, other = Handler(held=True), Handler()
    await jobs.enqueue(ConductSession("long"), id="long")
    rival = Jobs(server.url)
    async with jobs.work("sessions", one, concurrency=1, lock_s=3.0, stalled_s=0.1):
        await one.next()
        async with rival.work("sessions", other, concurrency=1, lock_s=3.0, stalled_s=0.1):
            await rival.enqueue(Upkeep(1), id="later", delay_s=4.0)  # the clock of this test: longer than the lock
            async with rival.work("chores", later := Handler(), concurrency=1):
                await later.next()
        one.go.set()
        await eventually(lambda: _is_nothing(jobs, "sessions"))
    await rival.close()
    assert (one.done, other.got.empty()) == (["long"], True)


@pytest.mark.parametrize("jobs_before", [0, 3])
async def test_an_idle_worker_outlives_the_server(mortal, mortal_jobs, jobs_before, eventually):
    handler = Handler()
    async with mortal_jobs.work("chores", handler, concurrency=1, lock_s=5.0, stalled_s=0.2):
        for number in range(jobs_before):
            await mortal_jobs.enqueue(Upkeep(number), id=f"before{number}")
            await handler.next()
        mortal.kill()
        mortal.start()
        await mortal_jobs.enqueue(Upkeep(9), id="after")
        assert (await handler.next()).id == "after"
        await eventually(lambda: _is_nothing(mortal_jobs, "chores"))


async def test_no_job_is_lost_with_the_server_and_none_that_runs_is_disturbed(mortal, mortal_jobs, eventually):
    handler = Handler(held=True)
    for number in range(5):
        await mortal_jobs.enqueue(Upkeep(number), id=f"u{number}")
    await mortal_jobs.enqueue(Upkeep(5), id="u5", delay_s=0.5)
    await mortal_jobs.enqueue(Upkeep(6), id="u6", priority=7)
    async with mortal_jobs.work("chores", handler, concurrency=2, lock_s=10.0, stalled_s=0.2):
        first = {(await handler.next()).id, (await handler.next()).id}
        mortal.kill()
        mortal.start()
        assert (await mortal_jobs.counts())["chores"]["active"] == 2
        handler.go.set()
        await eventually(lambda: _is_nothing(mortal_jobs, "chores"))
    assert first == {"u0", "u1"}
    assert sorted(handler.done) == [f"u{number}" for number in range(7)]
    assert handler.cancelled.empty()


async def test_a_job_that_ends_while_the_server_is_away_has_ended(mortal, mortal_jobs, eventually):
    handler = Handler(held=True)
    await mortal_jobs.enqueue(Upkeep(1), id="u1")
    async with mortal_jobs.work("chores", handler, concurrency=1, lock_s=10.0, stalled_s=0.2):
        await handler.next()
        mortal.kill()
        handler.go.set()
        await eventually(lambda: _async(handler.done == ["u1"]))
        mortal.start()
        await eventually(lambda: _is_nothing(mortal_jobs, "chores"))
    assert handler.done == ["u1"]


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_a_handler_stops_before_its_lock_can_be_somebody_elses(mortal, mortal_jobs, how, eventually):
    handler = Handler(held=True)
    await mortal_jobs.enqueue(Upkeep(1), id="u1")
    async with mortal_jobs.work("chores", handler, concurrency=1, lock_s=1.0, stalled_s=0.2):
        await handler.next()
        mortal.kill() if how == "kill" else mortal.freeze()
        async with asyncio.timeout(20):
            assert await handler.cancelled.get() == "u1"
        mortal.start() if how == "kill" else mortal.thaw()
        assert (await handler.next()).attempt == 1
        handler.go.set()
        await eventually(lambda: _is_nothing(mortal_jobs, "chores"))
    assert handler.done == ["u1"]


async def test_a_job_that_comes_back_waits_until_its_former_handler_has_tidied_up(jobs, server, eventually):
    begun, stopped, tidy = asyncio.Queue(), asyncio.Event(), asyncio.Event()

    async def handler(job, taken):
        begun.put_nowait(taken)
        if taken.stalled:
            return
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
            await tidy.wait()

    async def was_taken_again():
        return server.ask("HGET krawall:jobs:chores:u1 ats").endswith(b"\r\n2\r\n")

    await jobs.enqueue(Upkeep(1), id="u1")
    async with asyncio.timeout(20), jobs.work("chores", handler, concurrency=2, lock_s=4.0, stalled_s=0.2):
        await begun.get()
        assert server.ask("DEL krawall:jobs:chores:u1:lock") == b":1\r\n"
        await stopped.wait()
        await eventually(was_taken_again)
        assert begun.empty()
        tidy.set()
        assert await begun.get() == Taken(id="u1", attempt=1, stalled=1)
        await eventually(lambda: _is_nothing(jobs, "chores"))


async def test_a_cancelled_worker_gives_its_jobs_back(jobs):
    handler = Handler(held=True)

    async def work():
        async with jobs.work("chores", handler, concurrency=2, lock_s=600):
            await asyncio.Event().wait()

    await jobs.enqueue(Upkeep(1), id="u1")
    await jobs.enqueue(Upkeep(2), id="u2")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        await handler.next()
        await handler.next()
        task.cancel()
    assert sorted([handler.cancelled.get_nowait(), handler.cancelled.get_nowait()]) == ["u1", "u2"]
    counts = (await jobs.counts())["chores"]
    assert (counts["active"], counts["waiting"] + counts["delayed"]) == (0, 2)


async def test_a_handler_stops_when_the_server_has_forgotten_its_job(jobs, server):
    handler = Handler(held=True)
    await jobs.enqueue(Upkeep(1), id="u1")
    async with jobs.work("chores", handler, concurrency=1, lock_s=4.0, stalled_s=0.2):
        await handler.next()
        server.flush()
        async with asyncio.timeout(20):
            assert await handler.cancelled.get() == "u1"


async def test_a_block_can_be_left_while_the_server_is_away(mortal, mortal_jobs):
    handler = Handler(held=True)
    await mortal_jobs.enqueue(Upkeep(1), id="u1")
    async with asyncio.timeout(20), mortal_jobs.work("chores", handler, concurrency=1):
        await handler.next()
        mortal.kill()
    assert handler.cancelled.get_nowait() == "u1"


async def test_a_block_may_begin_before_the_server(mortal, mortal_jobs):
    handler = Handler()
    mortal.kill()
    async with mortal_jobs.work("chores", handler, concurrency=1):
        mortal.start()
        await mortal_jobs.enqueue(Upkeep(1), id="u1")
        assert (await handler.next()).id == "u1"


async def test_under_kills_and_restarts_every_job_is_done_and_none_twice_at_once(mortal, mortal_jobs, eventually):
    handler, rival = Handler(), Jobs(mortal.url)
    ids = [f"u{number}" for number in range(60)]

    async def slow(job, taken):
        await handler(job, taken)
        await asyncio.sleep(0.01)

    block = {"concurrency": 3, "lock_s": 3.0, "stalled_s": 0.2}
    async with mortal_jobs.work("chores", slow, **block), rival.work("chores", slow, **block):
        for number, id in enumerate(ids):
            await mortal_jobs.enqueue(Upkeep(number), id=id)
            if number in (20, 40):
                mortal.kill()
                mortal.start()
        await eventually(lambda: _is_nothing(mortal_jobs, "chores"))
    await rival.close()
    assert set(handler.done) == set(ids)


async def test_without_a_server_every_question_says_so(mortal, mortal_jobs):
    mortal.kill()
    for question in (
        mortal_jobs.enqueue(Upkeep(1), id="u1"),
        mortal_jobs.has("chores", "u1"),
        mortal_jobs.remove("chores", "u1"),
        mortal_jobs.counts(),
        mortal_jobs.failed("chores"),
    ):
        with pytest.raises(Unavailable, match=r"redis://127\.0\.0\.1"):
            await question
    mortal.start()
    assert (await mortal_jobs.counts())["chores"] == NOTHING


async def _is_nothing(jobs: Jobs, queue: str) -> bool:
    try:
        return (await jobs.counts())[queue] == NOTHING
    except Unavailable:
        return False


async def _async(value: bool) -> bool:
    return value
