"""The composition root: settings in, a wired App out. The only place that knows whether it is one machine or many."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec

from krawall.archive.archive import Archive
from krawall.clock import wall_ns
from krawall.errors import Unavailable
from krawall.model.base import PICO_PER_USD
from krawall.model.event import Event
from krawall.model.job import Deliver
from krawall.queue.bus import Bus
from krawall.queue.jobs import Jobs
from krawall.queue.valkey import ensure_valkey
from krawall.services.accounts import Accounts
from krawall.services.credentials import Credentials
from krawall.services.documents import Documents
from krawall.services.drafts import Drafts
from krawall.services.live import Live
from krawall.services.messages import Messages
from krawall.services.overview import Overview
from krawall.services.scenarios import Scenarios
from krawall.services.sessions import Sessions
from krawall.services.starting import Planner, Rules
from krawall.services.targets import Targets
from krawall.services.tracing import Tracing
from krawall.services.trying import Trying
from krawall.services.webhooks import Webhooks
from krawall.settings import Settings
from krawall.store.store import Store
from krawall.vault import Vault
from krawall.worker.link import Clock
from krawall.worker.tools import Tools, worker_id
from krawall.worker.trying import COMMAND

DELIVERIES_AT_ONCE = 200


@dataclass(frozen=True)
class App:
    """The parts and the use cases of one process of an installation."""

    settings: Settings
    redis: str
    store: Store
    jobs: Jobs
    bus: Bus
    archive: Archive
    vault: Vault
    documents: Documents
    targets: Targets
    scenarios: Scenarios
    drafts: Drafts
    trying: Trying
    sessions: Sessions
    messages: Messages
    credentials: Credentials
    accounts: Accounts
    webhooks: Webhooks
    overview: Overview
    live: Live
    tracing: Tracing
    closing: asyncio.Event  # set when the process is about to end: whoever follows something lets go

    def tools(self, name: str = "") -> Tools:
        """Return what a worker of this process works with."""
        settings = self.settings
        return Tools(
            id=worker_id(name),
            engines=settings.engines or os.cpu_count() or 1,
            home=settings.home,
            store=self.store,
            jobs=self.jobs,
            bus=self.bus,
            archive=self.archive,
            vault=self.vault,
            clock=Clock(self.bus),
            tracing=self.tracing,
            allow_env=tuple(settings.allow_env),
            private_webhooks=settings.private_webhooks,
            keep_days=settings.keep_days,
        )


@asynccontextmanager
async def open_app(settings: Settings, *, migrate: bool = True) -> AsyncIterator[App]:
    """Open everything, close it in order.

    Raises:
        Unavailable: the database, the queue or the archive cannot be reached; says which, and what to do.
        Refused: the key that seals credentials is weak, or readable for others.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        vault = Vault.open(settings.home, settings.key.get_secret_value() if settings.key else None)
        redis = settings.redis or await ensure_valkey(settings.home)
        store = await Store.open(settings.database_url, migrate=migrate)
        stack.push_async_callback(store.close)
        bus = await Bus.connect(redis)
        stack.push_async_callback(bus.close)
        jobs = Jobs(redis)
        stack.push_async_callback(jobs.close)
        archive = Archive.open(settings.archive_url, settings.home / "cache")
        closing = asyncio.Event()
        live = await stack.enter_async_context(Live.open(bus, closing))
        tracing = Tracing.open(settings.otel)
        stack.push_async_callback(tracing.close)
        app = _wire(settings, redis, store, jobs, bus, archive, vault, live, tracing, closing)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        announcing = group.create_task(_announce(app))
        try:
            yield app
        finally:
            announcing.cancel()


def _wire(
    settings: Settings,
    redis: str,
    store: Store,
    jobs: Jobs,
    bus: Bus,
    archive: Archive,
    vault: Vault,
    live: Live,
    tracing: Tracing,
    closing: asyncio.Event,
) -> App:
    cost = settings.daily_cost_usd
    rules = Rules(None if cost is None else round(cost * PICO_PER_USD), tuple(settings.allow_env))
    documents = Documents(store, settings.allow_env, settings.private_webhooks)
    scenarios = Scenarios(store, rules)
    return App(
        settings=settings,
        redis=redis,
        store=store,
        jobs=jobs,
        bus=bus,
        archive=archive,
        vault=vault,
        documents=documents,
        targets=Targets(store, vault, documents, rules),
        scenarios=scenarios,
        drafts=Drafts(store, documents, scenarios),
        trying=Trying(Planner(store, rules), COMMAND),
        sessions=Sessions(store, jobs, bus, archive, rules),
        messages=Messages(store, archive),
        credentials=Credentials(store, vault),
        accounts=Accounts(store),
        webhooks=Webhooks(store, jobs),
        overview=Overview(store, jobs, bus, archive, redis),
        live=live,
        tracing=tracing,
        closing=closing,
    )


async def _announce(app: App) -> None:
    """After each commit: poke whoever follows, and put deliveries into the queue. All of it may be lost; upkeep finds it."""
    waiting: asyncio.Queue[list[Event]] = asyncio.Queue()
    app.store.listen(waiting.put_nowait)
    while True:
        for event in await waiting.get():
            with contextlib.suppress(Unavailable):
                await app.bus.publish("events", msgspec.json.encode({"id": event.id}))
                if event.session is not None:
                    poke = msgspec.json.encode({"event": event.number})
                    await app.bus.publish(f"session.{event.session}", poke)
        with contextlib.suppress(Unavailable):
            for delivery in await app.store.deliveries.due(wall_ns(), DELIVERIES_AT_ONCE):
                await app.jobs.enqueue(Deliver(delivery), id=f"deliver.{delivery}")
