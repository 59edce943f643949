"""Health, settings, queue, workers and the dashboard's numbers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from krawall.api.auth import Reader, caller_of
from krawall.api.origins import Effective, effective
from krawall.api.records import AsModel, View
from krawall.api.shapes import AnyEvent, SessionView, Time, app_of, event_fields, session_fields
from krawall.clock import iso
from krawall.model.account import Scope
from krawall.model.base import PICO_PER_USD
from krawall.model.kept import WorkerFacts
from krawall.queue.valkey import ServerFacts
from krawall.services.latencies import Times
from krawall.services.overview import Check, Live, alive
from krawall.store.listing import Statistics
from krawall.version import __version__

router = APIRouter(tags=["system"])
V1 = "/api/v1"


class Liveness(View):
    """The server answers."""

    ok: bool = True


class HealthView(View):
    """`ok`: everything is right. `ready`: requests can be served. The rest is for those who may read."""

    ok: bool
    ready: bool
    version: str | None = None
    dependencies: dict[str, Annotated[Check, AsModel()]] | None = None


class QueueView(View):
    """Jobs by queue and state, and what the Valkey server says of itself. `detail` says what is wrong; empty is good."""

    ok: bool
    detail: str
    counts: dict[str, dict[str, int]]
    server: Annotated[ServerFacts | None, AsModel()]


class WorkerView(View):
    """A worker by its last heartbeat. `alive`: it was heard of lately. `cpu`: share of one core, `memory`: bytes."""

    id: str
    host: str
    pid: int
    version: str
    state: str
    alive: bool
    started_at: Time
    seen_at: Time
    slots: int
    lag_ms: float
    cpu: float
    memory: int
    playing: list[str]
    plugins: dict[str, str]


class Workers(View):
    """The workers that the installation remembers."""

    items: list[WorkerView]


class Totals(View):
    """Sums over the sessions of a stretch of time."""

    sessions: int
    conversations: int
    turns: int
    errors: int
    cost_usd: float
    outcomes: dict[str, int]
    verdicts: dict[str, int]


class FailingTarget(View):
    """A target whose sessions failed, were aborted or missed a threshold. `newest_at`: when the last of them was asked for."""

    target: str
    sessions: int
    bad: int
    newest_at: Time


class LiveView(SessionView):
    """A session that is not finished. `progress`: 0 to 1, null: not known; `left_s`: what may be left of it, in seconds."""

    progress: float | None
    left_s: float | None
    users: int
    turns_per_s: float
    warning: str


class DashboardView(View):
    """`day`: the last 24 hours, `day_before`: the 24 hours before them. `recent`: newest first.

    `times` are percentiles over the finished sessions of a day, from their merged histograms, of the measure phase.
    """

    live: list[LiveView]
    active_jobs: int
    workers: list[WorkerView]
    day: Totals
    day_before: Totals
    times: Annotated[Times, AsModel()]
    times_before: Annotated[Times, AsModel()]
    failing: list[FailingTarget]
    recent: list[AnyEvent]


class SettingsInForce(View):
    """Every setting in force."""

    items: list[Effective] = Field(description="secrets are hidden")


@router.get("/api/health/live")
async def get_liveness() -> Liveness:
    """Answer, which shows that the server does."""
    return Liveness()


@router.get("/api/health/ready", responses={503: {"model": HealthView, "description": "not ready"}})
async def get_readiness(request: Request, response: Response) -> HealthView:
    """Say whether requests can be served: 503 while the database, its migrations or the queue are not right."""
    found = await app_of(request).overview.health()
    if not found.ready:
        response.status_code = 503
    return HealthView(ok=found.ok, ready=found.ready)


@router.get("/api/health")
async def get_health(request: Request) -> HealthView:
    """Say how everything is that we depend on; who may not read is told only whether all is well."""
    found = await app_of(request).overview.health()
    caller = caller_of(request)
    if caller is None or Scope.read not in caller.scopes:
        return HealthView(ok=found.ok, ready=found.ready)
    return HealthView(ok=found.ok, ready=found.ready, version=__version__, dependencies=found.dependencies)


@router.get(f"{V1}/queue")
async def get_queue(request: Request, caller: Reader) -> QueueView:
    """Show the queue."""
    found = await app_of(request).overview.queue()
    return QueueView(ok=found.ok, detail=found.detail, counts=found.counts, server=found.server)


@router.get(f"{V1}/workers")
async def list_workers(request: Request, caller: Reader) -> Workers:
    """List the workers."""
    return Workers(items=_workers(await app_of(request).overview.workers()))


@router.get(f"{V1}/dashboard")
async def get_dashboard(request: Request, caller: Reader) -> DashboardView:
    """Show what is going on, and the last day against the one before."""
    found = await app_of(request).overview.dashboard()
    plain: dict[str, Any] = {
        "live": [_live(each) for each in found.live],
        "active_jobs": found.active_jobs,
        "workers": _workers(found.workers),
        "day": _totals(found.day),
        "day_before": _totals(found.day_before),
        "times": found.times,
        "times_before": found.times_before,
        "failing": [
            FailingTarget(target=each.target, sessions=each.sessions, bad=each.bad, newest_at=iso(each.newest_ns))
            for each in found.failing
        ],
        "recent": [event_fields(event) for event in found.recent],
    }
    return DashboardView.model_validate(plain)


@router.get(f"{V1}/settings")
async def list_settings(request: Request, caller: Reader) -> SettingsInForce:
    """List the settings in force and where each came from."""
    return SettingsInForce(items=effective(app_of(request).settings))


def _workers(workers: list[WorkerFacts]) -> list[WorkerView]:
    living = {worker.id for worker in alive(workers)}
    return [
        WorkerView(
            id=worker.id,
            host=worker.host,
            pid=worker.pid,
            version=worker.version,
            state=worker.state,
            alive=worker.id in living,
            started_at=iso(worker.started_ns),
            seen_at=iso(worker.seen_ns),
            slots=worker.slots,
            lag_ms=worker.lag_ms,
            cpu=worker.cpu,
            memory=worker.memory,
            playing=worker.playing,
            plugins=worker.plugins,
        )
        for worker in workers
    ]


def _live(found: Live) -> dict[str, Any]:
    place = {name: getattr(found, name) for name in Live.__struct_fields__ if name != "session"}
    return {**session_fields(found.session), **place}


def _totals(found: Statistics) -> Totals:
    return Totals(
        sessions=found.sessions,
        conversations=found.conversations,
        turns=found.turns,
        errors=found.errors,
        cost_usd=found.cost_pico / PICO_PER_USD,
        outcomes=found.outcomes,
        verdicts=found.verdicts,
    )
