"""An asynchronous answer to poll for: `POST /jobs` takes a message as `POST /chat` does, `GET /jobs/{id}` tells how it stands.

    202 {"id": "job-1", "status": "queued", "status_url": "/jobs/job-1", "conversation_id": "c1"}
    200 {"id": "job-1", "status": "running"}
    200 {"id": "job-1", "status": "done", "reply": "...", "conversation_id": "c1", "usage": {...}, "ready_ns": ns}
    200 {"id": "job-1", "status": "failed", "error": {"message": "...", "status": 500}, "ready_ns": ns}

A job is ready after the behaviour's latency, at `ready_ns` on the monotonic clock; the behaviour's `stream_error` is the
probability that it fails.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from krawall.mockbot import simple
from krawall.mockbot.dialect import Call, Reply
from krawall.mockbot.simple import KEYS, NEEDS, STREAM, error, events, whole

__all__ = ["KEYS", "NEEDS", "PATH", "STREAM", "Jobs", "error", "events", "parse", "whole"]

PATH = "/jobs"
_HELD = 10_000  # jobs; the oldest go first
_FAILED = {"error": {"message": "the mock bot was told to fail in the middle of a reply", "status": 500}}
_encode = msgspec.json.Encoder().encode


def parse(body: bytes) -> Call:
    """Read a request. Raises BadRequest."""
    return msgspec.structs.replace(simple.parse(body), stream=False, deferred=True)


class _Job(msgspec.Struct, frozen=True):
    ready_ns: int
    result: dict[str, Any]


class Jobs:
    """The jobs of one server, from one reset to the next."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Job] = OrderedDict()

    def accept(self, reply: Reply, ready_ns: int, *, fails: bool) -> bytes:
        """Take a job and return the body of the answer to its request."""
        name = f"job-{reply.number}"
        said = {"status": "failed"} | _FAILED if fails else {"status": "done"} | simple.content(reply)
        self._held[name] = _Job(ready_ns, {"id": name} | said | {"ready_ns": ready_ns})
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        queued = {"id": name, "status": "queued", "status_url": f"{PATH}/{name}"}
        return _encode(queued | {"conversation_id": reply.call.conversation})

    def look(self, name: str, now_ns: int) -> bytes | None:
        """Return how a job stands, None where there is none of that name."""
        job = self._held.get(name)
        if job is None:
            return None
        return _encode(job.result if now_ns >= job.ready_ns else {"id": name, "status": "running"})
