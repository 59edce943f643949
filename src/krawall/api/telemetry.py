"""What the server says of itself: Prometheus metrics with a registry of their own, a span and a log line per request.

Labels have few values: routes by their template, methods that HTTP knows, states. What was asked for by name is in no label.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from krawall.api.auth import needs
from krawall.clock import monotonic_ns
from krawall.errors import Unavailable
from krawall.logs import logger
from krawall.model import account
from krawall.model.base import NS_PER_S, Record
from krawall.model.job import QUEUES
from krawall.model.session import State
from krawall.queue.jobs import Jobs
from krawall.services.tracing import Noted, Tracing
from krawall.store.store import Store

T = TypeVar("T")
LOG = logger("krawall.api")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Readings(Record, frozen=True):
    """What is read for a scrape: how many sessions by state, jobs by queue and state, workers by state; which parts answer."""

    sessions: dict[str, int]
    jobs: dict[str, dict[str, int]]
    workers: dict[str, int]
    parts: dict[str, bool]


async def read(store: Store, jobs: Jobs) -> Readings:
    """Read rows and queue. A part that is away is told as such, so that a scrape never fails for it."""
    sessions, database = await _asked(store.sessions.unfinished())
    workers, _ = await _asked(store.workers.list())
    counts, queue = await _asked(jobs.counts())
    return Readings(
        sessions=Count(each.state.value for each in sessions or []),
        jobs={name: dict(states) for name, states in (counts or {}).items()},
        workers=Count(each.state for each in workers or []),
        parts={"database": database, "queue": queue},
    )


class Telemetry:
    """Counts requests and shows them with what is read for each scrape. One per app."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing or Tracing()
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.requests = Counter(
            "krawall_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "krawall_http_request_seconds",
            "Time until the answer begins.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.under_way = Gauge(
            "krawall_http_requests_under_way",
            "Requests not yet answered to the end, streams included.",
            registry=registry,
        )
        self._sessions = Gauge("krawall_sessions", "Sessions that are not finished.", ("state",), registry=registry)
        self._jobs = Gauge("krawall_jobs", "Jobs in the queue.", ("queue", "state"), registry=registry)
        self._workers = Gauge("krawall_workers", "Workers by their last heartbeat.", ("state",), registry=registry)
        self._parts = Gauge("krawall_part_up", "Whether a part answered at this scrape.", ("part",), registry=registry)

    def show(self, readings: Readings, accept: str = "") -> Response:
        """Return all metrics in the format that a scraper accepts."""
        for gauge, values in (
            (self._sessions, {state.value: 0 for state in State if state is not State.finished} | readings.sessions),
            (self._workers, {"ready": 0} | readings.workers),
            (self._parts, {part: int(up) for part, up in readings.parts.items()}),
        ):
            _fill(gauge, {(name,): value for name, value in values.items()})
        queues = {name: {"waiting": 0, "active": 0} for name in QUEUES.values()} | readings.jobs
        _fill(self._jobs, {(name, state): count for name, states in queues.items() for state, count in states.items()})
        encode, content_type = choose_encoder(accept)
        return Response(encode(self.registry), media_type=None, headers={"Content-Type": content_type})


class Watched:
    """Counts, times, traces and logs each request. Outside of the boundary, so that errors are counted with their status."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "other"
        begun_ns, status, answered_ns = monotonic_ns(), 500, None

        async def watched(message: Message) -> None:
            nonlocal status, answered_ns
            if message["type"] == "http.response.start":
                status, answered_ns = message["status"], monotonic_ns()
            await send(message)

        attributes = {"http.request.method": method, "url.scheme": scope["scheme"], "url.path": scope["path"]}
        with (
            self._telemetry.under_way.track_inprogress(),
            self._telemetry.tracing.span(method, "server", attributes, Headers(scope=scope)) as span,
        ):
            try:
                await self._app(scope, receive, watched)
            finally:
                took_ns = (answered_ns or monotonic_ns()) - begun_ns
                self._tell(scope, method, status, took_ns / NS_PER_S, span)

    def _tell(self, scope: Scope, method: str, status: int, took_s: float, span: Noted) -> None:
        route = _template(scope)
        self._telemetry.requests.labels(method, route, str(status)).inc()
        self._telemetry.seconds.labels(method, route).observe(took_s)
        span.note({"http.route": route, "http.response.status_code": status}, f"{method} {route}")
        if status >= 500:
            span.fail(str(status))
        caller: account.Caller | None = scope.get("state", {}).get("caller")
        tell = LOG.info if status >= 400 or method not in ("GET", "HEAD") else LOG.debug
        tell(
            "request", method=method, path=scope["path"], route=route, status=status, ms=round(took_s * 1000, 1),
            actor=caller.name if caller else None,
        )  # fmt: skip


def router(telemetry: Telemetry, reading: Callable[[], Awaitable[Readings]], *, open_to_all: bool = False) -> APIRouter:
    """Return the route /metrics. It needs the scope read, unless it is `open_to_all` by a setting."""
    made = APIRouter(tags=["system"])
    reader = needs(account.Scope.read)

    @made.get("/metrics", response_class=Response, summary="Metrics of the server in Prometheus' format")
    async def metrics(request: Request) -> Response:
        if not open_to_all:
            await reader(request)
        return telemetry.show(await reading(), request.headers.get("accept", ""))

    return made


async def _asked(answer: Awaitable[T]) -> tuple[T | None, bool]:
    try:
        return await answer, True
    except Unavailable:
        return None, False


def _fill(gauge: Gauge, values: Mapping[tuple[str, ...], int]) -> None:
    gauge.clear()
    for labels, value in values.items():
        gauge.labels(*labels).set(value)


def _template(scope: Scope) -> str:
    """Return the path of the route that answered, as it was declared; `other` when none did."""
    path = getattr(scope.get("route"), "path", None)
    return scope.get("root_path", "") + path if isinstance(path, str) else "other"
