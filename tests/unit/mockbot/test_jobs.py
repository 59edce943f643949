"""Jobs to poll for."""

import json

from krawall.mockbot import jobs
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import Reply
from krawall.mockbot.jobs import Jobs

CALL = jobs.parse(b'{"message": "hi", "conversation_id": "c9", "stream": true}')


def reply(number: int) -> Reply:
    return Reply(CALL, Answer(["Hi"], "stop", 3, 0), number)


def test_a_job_is_queued_runs_and_is_done_at_its_time() -> None:
    held = Jobs()
    assert json.loads(held.accept(reply(4), 1_000, fails=False)) == {
        "id": "job-4",
        "status": "queued",
        "status_url": "/jobs/job-4",
        "conversation_id": "c9",
    }
    assert held.look("job-4", 999) == b'{"id":"job-4","status":"running"}'
    assert json.loads(held.look("job-4", 1_000) or b"") == {
        "id": "job-4",
        "status": "done",
        "reply": "Hi",
        "conversation_id": "c9",
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        "ready_ns": 1_000,
    }
    assert held.look("job-5", 1_000) is None


def test_a_job_may_fail() -> None:
    held = Jobs()
    held.accept(reply(4), 0, fails=True)
    assert json.loads(held.look("job-4", 0) or b"")["status"] == "failed"


def test_jobs_are_bounded() -> None:
    held = Jobs()
    for number in range(10_001):
        held.accept(reply(number), 0, fails=False)
    assert held.look("job-0", 0) is None
    assert held.look("job-1", 0) is not None


def test_a_job_is_never_streamed() -> None:
    assert (CALL.stream, CALL.deferred, CALL.conversation) == (False, True, "c9")
