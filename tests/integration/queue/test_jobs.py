"""What a job may rely on while nothing breaks: done once, retried, delayed, ordered, one per id, cancelled in order."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from krawall.clock import monotonic_ns
from krawall.errors import Internal
from krawall.model.job import Compact, ConductSession, Deliver, PlayShard, Upkeep
from krawall.queue.connection import open_client
from krawall.queue.jobs import FAILED_KEPT, Elsewhere, Jobs, Taken

NOTHING = {"waiting": 0, "active": 0, "delayed": 0, "prioritized": 0, "failed": 0}


class Handler:
    """Notes what it gets; each call waits for `go`."""

    def __init__(self, *, held: bool = False) -> None:
        self.got: asyncio.Queue[tuple[object, Taken]] = asyncio.Queue()
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    async def __call__(self, job, taken):
        self.got.put_nowait((job, taken))
        await self.go.wait()

    async def next(self):
        return await asyncio.wait_for(self.got.get(), 20)


@pytest.mark.parametrize(
    ("job", "queue"),
    [
        (ConductSession("ses_1"), "sessions"),
        (PlayShard("ses_1", 3), "shards"),
        (Compact("ses_1"), "chores"),
        (Deliver("dlv_1"), "chores"),
        (Upkeep(17), "chores"),
    ],
)
async def test_every_kind_of_job_arrives_in_its_queue_as_it_was(jobs, job, queue, eventually):
    handler = Handler()
    await jobs.enqueue(job, id="a:1")
    assert await jobs.has(queue, "a:1")
    async with jobs.work(queue, handler, concurrency=1):
        assert await handler.next() == (job, Taken(id="a:1", attempt=1, stalled=0))
        await eventually(lambda: _is_nothing(jobs, queue))
    assert not await jobs.has(queue, "a:1")


async def test_a_worker_that_waits_gets_a_job_at_once(jobs):
    handler = Handler()
    async with jobs.work("sessions", handler, concurrency=1):
        for number in range(3):
            await jobs.enqueue(ConductSession(f"ses_{number}"), id=f"s{number}")
            job, _ = await handler.next()
            assert job == ConductSession(f"ses_{number}")


async def test_a_job_that_is_left_to_others_comes_back_and_the_try_does_not_count(jobs, eventually):
    tries = []

    async def handler(job, taken):
        tries.append(taken)
        if len(tries) == 1:
            raise Elsewhere("somebody else can")

    await jobs.enqueue(ConductSession("ses_1"), id="s1", attempts=1)
    async with jobs.work("sessions", handler, concurrency=2):
        await eventually(lambda: _is_nothing(jobs, "sessions"))
    assert tries == [Taken(id="s1", attempt=1, stalled=0)] * 2


async def test_a_job_that_fails_is_tried_again_after_growing_pauses(jobs, eventually):
    tries = []

    async def handler(job, taken):
        tries.append((taken.attempt, monotonic_ns()))
        if taken.attempt < 4:
            raise ValueError("not yet")

    await jobs.enqueue(ConductSession("ses_1"), id="s1", attempts=5, backoff_s=0.1)
    async with jobs.work("sessions", handler, concurrency=2):
        await eventually(lambda: _is_nothing(jobs, "sessions"))
    assert [attempt for attempt, _ in tries] == [1, 2, 3, 4]
    pauses = [(later - sooner) / 1e9 for (_, sooner), (_, later) in itertools.pairwise(tries)]
    # Times of day are whole milliseconds there, so a pause may be 2 ms shorter than its least.
    assert [pause >= least - 0.002 for pause, least in zip(pauses, (0.05, 0.1, 0.2), strict=True)] == [True] * 3


async def test_a_job_that_fails_to_the_end_is_kept_and_its_id_is_free(jobs, eventually):
    async def fail(job, taken):
        raise ValueError("no use")

    await jobs.enqueue(PlayShard("ses_1", 0), id="p1", attempts=2, backoff_s=0.01)
    async with jobs.work("shards", fail, concurrency=1):
        await eventually(lambda: _counts(jobs, "shards", failed=1))
    (failed,) = await jobs.failed("shards")
    assert (failed.id, failed.job, failed.reason, failed.attempts) == (
        "p1",
        PlayShard("ses_1", 0),
        "ValueError: no use",
        2,
    )
    assert failed.failed_ns > 1_600_000_000_000_000_000
    assert not await jobs.has("shards", "p1")

    handler = Handler()
    await jobs.enqueue(PlayShard("ses_1", 0), id="p1")
    assert await jobs.has("shards", "p1")
    async with jobs.work("shards", handler, concurrency=1):
        assert (await handler.next())[1].attempt == 1
        await eventually(lambda: _is_nothing(jobs, "shards"))


async def test_only_the_newest_failures_are_kept(jobs, eventually):
    async def fail(job, taken):
        raise ValueError(job.delivery)

    for number in range(FAILED_KEPT + 5):
        await jobs.enqueue(Deliver(f"dlv_{number}"), id=f"d{number}")
    async with jobs.work("chores", fail, concurrency=1):
        await eventually(lambda: _counts(jobs, "chores", failed=FAILED_KEPT))
    failed = await jobs.failed("chores")
    assert len(failed) == FAILED_KEPT
    assert failed[0].id == f"d{FAILED_KEPT + 4}"


async def test_a_job_that_cannot_be_read_fails_and_harms_nobody(jobs, server, eventually):
    handler = Handler()
    await jobs.enqueue(Compact("ses_1"), id="c1")
    client = open_client(server.url, text=True)
    await client.hset("krawall:jobs:chores:c1", "data", '{"job": "of another version"}')
    await client.aclose()
    await jobs.enqueue(Compact("ses_2"), id="c2")
    async with jobs.work("chores", handler, concurrency=1):
        assert (await handler.next())[0] == Compact("ses_2")
        await eventually(lambda: _counts(jobs, "chores", failed=1))
    (failed,) = await jobs.failed("chores")
    assert (failed.id, failed.job) == ("c1", None)


async def test_a_delayed_job_waits_and_is_not_added_twice(jobs, eventually):
    handler, began = Handler(), monotonic_ns()
    await jobs.enqueue(Upkeep(1), id="u1", delay_s=0.3)
    await jobs.enqueue(Upkeep(2), id="u1")
    assert await jobs.has("chores", "u1")
    assert (await jobs.counts())["chores"] == NOTHING | {"delayed": 1}
    async with jobs.work("chores", handler, concurrency=1):
        assert (await handler.next())[0] == Upkeep(1)
        waited_s = (monotonic_ns() - began) / 1e9
        await eventually(lambda: _is_nothing(jobs, "chores"))
    assert waited_s >= 0.298
    assert handler.got.empty()


async def test_a_lower_number_comes_first_and_none_before_all(jobs):
    handler = Handler()
    for priority in (5, 1, 0, 3):
        await jobs.enqueue(Upkeep(priority), id=f"u{priority}", priority=priority)
    assert (await jobs.counts())["chores"] == NOTHING | {"waiting": 1, "prioritized": 3}
    async with jobs.work("chores", handler, concurrency=1):
        assert [(await handler.next())[0].slot for _ in range(4)] == [0, 1, 3, 5]


async def test_an_id_that_waits_or_is_worked_on_is_not_added_twice(jobs, eventually):
    handler = Handler(held=True)
    await jobs.enqueue(ConductSession("first"), id="s1")
    await jobs.enqueue(ConductSession("second"), id="s1", priority=2)
    assert (await jobs.counts())["sessions"] == NOTHING | {"waiting": 1}
    async with jobs.work("sessions", handler, concurrency=3):
        assert (await handler.next())[0] == ConductSession("first")
        await jobs.enqueue(ConductSession("third"), id="s1", delay_s=0.01)
        assert (await jobs.counts())["sessions"] == NOTHING | {"active": 1}
        handler.go.set()
        await eventually(lambda: _is_nothing(jobs, "sessions"))
        await jobs.enqueue(ConductSession("fourth"), id="s1")
        assert (await handler.next())[0] == ConductSession("fourth")
    assert handler.got.empty()


async def test_a_job_can_be_removed_unless_a_worker_holds_it(jobs):
    handler = Handler(held=True)
    await jobs.enqueue(Upkeep(1), id="u1")
    async with jobs.work("chores", handler, concurrency=1):
        await handler.next()
        await jobs.enqueue(Upkeep(2), id="u2")
        await jobs.enqueue(Upkeep(3), id="u3", delay_s=60)
        assert [await jobs.remove("chores", id) for id in ("u1", "u2", "u3")] == [False, True, True]
        assert (await jobs.counts())["chores"] == NOTHING | {"active": 1}


async def test_no_more_handlers_run_at_once_than_allowed(jobs, eventually):
    running, most, three = 0, 0, asyncio.Event()

    async def handler(job, taken):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            three.set()
        await three.wait()
        await asyncio.sleep(0)
        running -= 1

    for number in range(12):
        await jobs.enqueue(Upkeep(number), id=f"u{number}")
    async with jobs.work("chores", handler, concurrency=3), asyncio.timeout(20):
        await eventually(lambda: _is_nothing(jobs, "chores"))
    assert most == 3


async def test_two_workers_share_a_queue_and_no_job_is_done_twice(jobs, server, eventually):
    done, both = [], asyncio.Barrier(2)

    async def handler(name, job):
        if job.slot < 2:  # the first two wait for each other, so each worker has one of them
            await both.wait()
        done.append((name, job.slot))

    for number in range(40):
        await jobs.enqueue(Upkeep(number), id=f"u{number}")
    other = Jobs(server.url)
    async with (
        jobs.work("chores", lambda job, _: handler("one", job), concurrency=1),
        other.work("chores", lambda job, _: handler("two", job), concurrency=1),
    ):
        await eventually(lambda: _is_nothing(jobs, "chores"))
    await other.close()
    assert sorted(slot for _, slot in done) == list(range(40))
    assert {name for name, _ in done} == {"one", "two"}


async def test_leaving_cancels_handlers_waits_for_them_and_gives_their_jobs_back(jobs, eventually):
    began, tidied = asyncio.Event(), False

    async def handler(job, taken):
        nonlocal tidied
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            tidied = True

    await jobs.enqueue(ConductSession("ses_1"), id="s1")
    async with jobs.work("sessions", handler, concurrency=1, lock_s=600):
        await asyncio.wait_for(began.wait(), 20)
    assert tidied
    assert await jobs.has("sessions", "s1")
    assert (await jobs.counts())["sessions"]["active"] == 0

    after = Handler()
    async with jobs.work("sessions", after, concurrency=1, lock_s=600):  # nobody waits for that lock
        assert await after.next() == (ConductSession("ses_1"), Taken(id="s1", attempt=1, stalled=0))
        await eventually(lambda: _is_nothing(jobs, "sessions"))


async def test_leaving_again_and_again_loses_no_job_and_does_none_twice_at_once(jobs):
    running, done, one_is_done = set(), set(), asyncio.Event()

    async def handler(job, taken):
        assert taken.id not in running
        running.add(taken.id)
        try:
            for _ in range(job.slot % 5):
                await asyncio.sleep(0.001)
            done.add(taken.id)
            one_is_done.set()
        finally:
            running.discard(taken.id)

    ids = {f"u{number}" for number in range(40)}
    for number in range(40):
        await jobs.enqueue(Upkeep(number), id=f"u{number}")
    async with asyncio.timeout(30):
        while done != ids:
            one_is_done.clear()
            async with jobs.work("chores", handler, concurrency=4, lock_s=600):
                await one_is_done.wait()
    assert (await jobs.counts())["chores"] == NOTHING


async def test_an_error_of_the_block_comes_out_as_it_is(jobs):
    with pytest.raises(ZeroDivisionError):
        async with jobs.work("sessions", Handler(), concurrency=1):
            raise ZeroDivisionError


async def test_a_handler_that_cancels_itself_has_failed(jobs, eventually):
    async def handler(job, taken):
        raise asyncio.CancelledError

    await jobs.enqueue(Upkeep(1), id="u1")
    async with jobs.work("chores", handler, concurrency=1):
        await eventually(lambda: _counts(jobs, "chores", failed=1))


@pytest.mark.parametrize("id", ["", "17", "wait", "a b", "s1:lock", "meta", "0:1", "x" * 201])
async def test_ids_that_the_queue_could_mistake_are_refused(jobs, id):
    with pytest.raises(Internal):
        await jobs.enqueue(Upkeep(1), id=id)


async def _is_nothing(jobs: Jobs, queue: str) -> bool:
    return await _counts(jobs, queue)


async def _counts(jobs: Jobs, queue: str, **states: int) -> bool:
    return (await jobs.counts())[queue] == NOTHING | states
