"""What the store hands out besides sessions: documents with their revisions, credentials without their values, workers, ledger."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from krawall.model.base import Record
from krawall.model.budget import Spend


class DocumentKind(StrEnum):
    """The kinds of authored documents; they share one table and one repository because they behave alike."""

    target = "target"
    scenario = "scenario"
    schedule = "schedule"
    webhook = "webhook"
    batch = "batch"


class Kept(Record, frozen=True):
    """A document as it is kept: its newest revision, or the one that was asked for. `body`: plain data as the author wrote it.

    `etag` names this revision's content; a change must name the one that it was made from.
    """

    id: str
    kind: DocumentKind
    name: str
    revision: int
    etag: str
    body: dict[str, Any]
    created_ns: int
    updated_ns: int
    actor: str
    note: str = ""
    archived: bool = False


class CredentialFacts(Record, frozen=True):
    """A credential without its value."""

    name: str
    key_id: str
    created_ns: int
    updated_ns: int
    used_ns: int | None = None
    note: str = ""


class WorkerFacts(Record, frozen=True):
    """A worker by its last heartbeat. `lag_ms`: p99 of its loop's lag, `cpu`: share of one core, `memory`: bytes.

    `playing`: what it does, such as `ses_x` or `ses_x shard 2`. `state`: starting, ready, stopping, gone or lost.
    """

    id: str
    host: str
    pid: int
    version: str
    state: str
    started_ns: int
    seen_ns: int
    slots: int
    lag_ms: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    playing: list[str] = []
    plugins: dict[str, str] = {}


class LedgerLine(Record, frozen=True):
    """Money, tokens, requests and conversations of one scope on one day: reserved by sessions under way, and spent."""

    scope: str  # session, target or all
    key: str
    day: str  # 2026-11-23; empty for a session
    reserved: Spend
    spent: Spend
