"""What every job of a worker works with. One object per worker process, made by the composition root."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from krawall.archive.archive import Archive
from krawall.ids import new_id
from krawall.queue.bus import Bus
from krawall.queue.jobs import Jobs
from krawall.services.tracing import Tracing
from krawall.store.store import Store
from krawall.vault import Vault
from krawall.worker.link import Clock


@dataclass(frozen=True)
class Tools:
    """`id` is the worker's name in rows and events, `engines` how many shards it plays at once, `home` where its keys are.

    `playing` holds what it does at the moment, such as `ses_x` or `ses_x shard 2`; the heartbeat tells it.
    """

    id: str
    engines: int
    home: Path
    store: Store
    jobs: Jobs
    bus: Bus
    archive: Archive
    vault: Vault
    clock: Clock
    tracing: Tracing
    allow_env: tuple[str, ...] = ()
    private_webhooks: bool = False
    keep_days: int | None = None
    playing: Counter[str] = field(default_factory=Counter)


def worker_id(name: str = "") -> str:
    """Return a worker's id: its name, or one that is made up."""
    return name or new_id("wrk")
