"""What is going on in an installation: the dashboard's numbers, the queue, workers, and whether each thing we depend on answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from krawall.archive.archive import Archive
from krawall.clock import monotonic_ns, wall_ns
from krawall.errors import KrawallError, Unavailable
from krawall.model.base import NS_PER_S, Record
from krawall.model.event import Event
from krawall.model.kept import WorkerFacts
from krawall.model.session import Session, State
from krawall.queue.bus import Bus
from krawall.queue.jobs import Jobs
from krawall.queue.valkey import ServerFacts, facts
from krawall.services import diagnosis
from krawall.services.latencies import Latencies, Times
from krawall.store.database import Transaction
from krawall.store.listing import Statistics
from krawall.store.store import Store
from krawall.store.trouble import TargetTrouble, failing_targets

LIMIT_S = 2.0  # what one dependency may take; one that is dead must not hang the answer about the others
ALIVE_S = 15.0  # a worker whose last heartbeat is older than this does not count
DAY_NS = 86_400 * NS_PER_S
RECENT = 20
TROUBLED = 10


class Check(Record, frozen=True):
    """Whether one thing that we depend on is right. `took_ms`: how long it took to say so."""

    ok: bool
    detail: str
    took_ms: float


class Health(Record, frozen=True):
    """`ok`: everything is right. `ready`: requests can be served, though nothing may be playing them."""

    ok: bool
    ready: bool
    dependencies: dict[str, Check]


class QueueState(Record, frozen=True):
    """Jobs by queue and state, and what the server says of itself. `detail` says what is wrong; empty is good."""

    ok: bool
    detail: str
    counts: dict[str, dict[str, int]] = {}
    server: ServerFacts | None = None


class Live(Record, frozen=True):
    """A session that is not finished, and where it is. `progress`: 0 to 1, None: not known; `left_s`: what may be left of it.

    `warning`: what is wrong with the generator, empty for nothing.
    """

    session: Session
    progress: float | None = None
    left_s: float | None = None
    users: int = 0
    turns_per_s: float = 0.0
    warning: str = ""


class _Place(msgspec.Struct):
    """What of a live picture says where a session is."""

    progress: float | None = None
    left_s: float | None = None
    users: int = 0
    turns_per_s: float = 0.0
    warning: str = ""


class Dashboard(Record, frozen=True):
    """What a person wants to see first. `day`: the last 24 hours, `day_before`: the 24 before. `recent`: newest first.

    `names`: of the sessions in `recent`, by id.
    """

    live: list[Live]
    active_jobs: int
    workers: list[WorkerFacts]
    day: Statistics
    day_before: Statistics
    times: Times
    times_before: Times
    failing: list[TargetTrouble]
    recent: list[Event]
    names: dict[str, str] = {}


class Overview:
    """Looks, and changes nothing. One per process. `queue_url`: of the Valkey server."""

    def __init__(self, store: Store, jobs: Jobs, bus: Bus, archive: Archive, queue_url: str) -> None:
        self._store = store
        self._jobs = jobs
        self._bus = bus
        self._archive = archive
        self._queue_url = queue_url
        self._latencies = Latencies(store.sessions)

    async def dashboard(self) -> Dashboard:
        """Return the dashboard's numbers. Without a queue it has no active jobs.

        Raises:
            Unavailable: the database is away.
        """
        now, counts, store = wall_ns(), await self._counts(), self._store
        async with store.database.read() as tx:
            recent = (await store.events.list(limit=RECENT, tx=tx)).items
            return Dashboard(
                live=await self.live(tx),
                active_jobs=sum(states.get("active", 0) for states in counts.values()),
                workers=await store.workers.list(tx),
                day=await store.sessions.statistics(now - DAY_NS, now + 1, tx),
                day_before=await store.sessions.statistics(now - 2 * DAY_NS, now - DAY_NS, tx),
                times=await self._latencies.over(now - DAY_NS, now + 1, tx),
                times_before=await self._latencies.over(now - 2 * DAY_NS, now - DAY_NS, tx),
                failing=await failing_targets(tx, now - DAY_NS, TROUBLED),
                recent=recent,
                names=await store.sessions.names({event.session for event in recent if event.session}, tx),
            )

    async def live(self, tx: Transaction | None = None) -> list[Live]:
        """Return the sessions that are not finished, oldest first, each with where it is.

        Raises:
            Unavailable: the database is away.
        """
        sessions = await self._store.sessions.unfinished(tx)
        pictures = await self._store.sessions.pictures(tx) if sessions else {}
        return [_live(each, pictures.get(each.id)) for each in sessions]

    async def queue(self) -> QueueState:
        """Return how the queue is. One that is away says so instead of raising."""
        try:
            async with asyncio.timeout(LIMIT_S):
                counts, server = await self._jobs.counts(), await facts(self._queue_url)
        except TimeoutError:
            return QueueState(False, f"the queue did not answer within {LIMIT_S:g} s")
        except Unavailable as error:
            return QueueState(False, error.message)
        return QueueState(not server.problems, "; ".join(server.problems), counts, server)

    async def workers(self) -> list[WorkerFacts]:
        """Return every worker that the installation remembers.

        Raises:
            Unavailable: the database is away.
        """
        return await self._store.workers.list()

    async def health(self) -> Health:
        """Ask everything that we depend on, at once, each with its own limit of time."""
        probes = {
            "database": self._database,
            "migrations": self._migrations,
            "queue": self._queue,
            "archive": self._archive_answers,
            "workers": self._workers,
        }
        async with asyncio.TaskGroup() as tasks:
            asked = {name: tasks.create_task(_check(probe)) for name, probe in probes.items()}
        found = {name: task.result() for name, task in asked.items()}
        ready = all(found[name].ok for name in ("database", "migrations", "queue"))
        return Health(all(check.ok for check in found.values()), ready, found)

    async def diagnose(self, id: str) -> list[str]:
        """Return why a session is not getting on, as sentences; none when it is.

        Raises:
            NotFound: there is no such session.
            Unavailable: the database is away.
        """
        session = await self._store.sessions.get(id)
        if session.state is State.finished:
            return []
        queue = await _check(self._ping)
        return await diagnosis.diagnose(
            self._store, session, alive=alive(await self.workers()), queue="" if queue.ok else queue.detail
        )

    async def _counts(self) -> dict[str, dict[str, int]]:
        """Return the jobs by queue and state, none when the queue does not answer."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return await self._jobs.counts()
        except (TimeoutError, Unavailable):
            return {}

    async def _database(self) -> str:
        await self._store.database.ping()
        return "answers"

    async def _migrations(self) -> str:
        if pending := await self._store.pending():
            raise Unavailable(f"the database needs migrations: {', '.join(pending)}", hint="run `krawall migrate`")
        return "up to date"

    async def _ping(self) -> str:
        await self._bus.ping()
        return "answers"

    async def _queue(self) -> str:
        await self._bus.ping()
        if problems := (await facts(self._queue_url)).problems:
            raise Unavailable("; ".join(problems))
        return "answers"

    async def _archive_answers(self) -> str:
        await self._archive.ping()
        return "answers"

    async def _workers(self) -> str:
        if not (found := alive(await self.workers())):
            raise Unavailable("no worker is alive", hint="start one: krawall worker")
        return f"{len(found)} alive"


def alive(workers: list[WorkerFacts]) -> list[WorkerFacts]:
    """Return the workers that take jobs: ready, and heard of lately."""
    since = wall_ns() - round(ALIVE_S * NS_PER_S)
    return [worker for worker in workers if worker.state in ("starting", "ready") and worker.seen_ns >= since]


def _live(session: Session, picture: bytes | None) -> Live:
    found = msgspec.json.decode(picture, type=_Place) if picture else _Place()
    return Live(session, found.progress, found.left_s, found.users, found.turns_per_s, found.warning)


async def _check(probe: Callable[[], Awaitable[str]]) -> Check:
    began, ok, detail = monotonic_ns(), False, f"no answer within {LIMIT_S:g} s"
    try:
        async with asyncio.timeout(LIMIT_S):
            ok, detail = True, await probe()
    except TimeoutError:
        ok = False
    except KrawallError as error:
        ok, detail = False, error.message
    return Check(ok, detail, round((monotonic_ns() - began) / 1e6, 3))
