"""Every table. The migrations make them; a test holds that what they make is what stands here.

Times are ns since 1970. JSON is text that msgspec wrote, so that both databases keep the same. `folded` columns hold
casefolded text for searching and ordering: the two databases fold case differently, Python does it once.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Words = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its code points on both databases, so that a cursor means the same."""

Counter = BigInteger().with_variant(Integer, "sqlite")
"""An integer of 64 bits that counts by itself as a primary key."""

documents = Table(
    "documents",
    metadata,
    Column("id", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("folded", Words, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    UniqueConstraint("kind", "name"),
    Index("ix_documents_kind_folded", "kind", "folded", "id"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("document", Words, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("name", Words, nullable=False),
    Column("etag", Words, nullable=False),
    Column("body", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("actor", Words, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("scenario", Words, nullable=False),
    Column("target", Words, nullable=False),
    Column("plan_hash", Words, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("shards", Integer, nullable=False),
    Column("state", Words, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("actor", Words, nullable=False),
    Column("outcome", Words),
    Column("verdict", Words),
    Column("exit_code", Integer),
    Column("reason", Text, nullable=False),
    Column("reason_kind", Words, nullable=False),
    Column("wish", Text, nullable=False),
    Column("started_ns", BigInteger),
    Column("finished_ns", BigInteger),
    Column("restart_of", Words, nullable=False),
    Column("conductor", Integer, nullable=False),
    Column("worker", Words, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("conversations", BigInteger, nullable=False),
    Column("turns", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("cost_pico", BigInteger, nullable=False),
    Column("p95_ms", Float(53)),
    Column("compacted", Boolean, nullable=False),
    Column("folded", Words, nullable=False),
    Column("request_key", Words, unique=True),
    Column("request_hash", Words, nullable=False),
    Index("ix_sessions_created_ns", "created_ns", "id"),
    Index("ix_sessions_folded", "folded", "id"),
    Index("ix_sessions_state", "state", "created_ns", "id"),
    Index("ix_sessions_outcome", "outcome", "created_ns", "id"),
    Index("ix_sessions_verdict", "verdict", "created_ns", "id"),
    Index("ix_sessions_scenario", "scenario", "created_ns", "id"),
    Index("ix_sessions_target", "target", "created_ns", "id"),
    Index("ix_sessions_cost_pico", "cost_pico", "id"),
    Index("ix_sessions_errors", "errors", "id"),
)

blobs = Table(
    "session_blobs",
    metadata,
    Column("session", Words, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Words, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""What is large about a session: `plan`, `picture`, `summary`, `saved`, `latencies`. Apart from its row, so that lists stay small."""

shards = Table(
    "shards",
    metadata,
    Column("session", Words, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False),
    Column("state", Words, nullable=False),
    Column("worker", Words, nullable=False),
    Column("reported_ns", BigInteger, nullable=False),
    Column("progress", LargeBinary, nullable=False),
)

attempts = Table(
    "shard_attempts",
    metadata,
    Column("session", Words, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("worker", Words, nullable=False),
    Column("reported_ns", BigInteger, nullable=False),
    Column("progress", LargeBinary, nullable=False),
)
"""The last report of each attempt that another one replaced: what it did counts, whoever reads it first."""

events = Table(
    "events",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("actor", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("session", Words, ForeignKey("sessions.id", ondelete="CASCADE")),
    Column("number", BigInteger),
    Column("body", Text, nullable=False),
    UniqueConstraint("session", "number"),
    Index("ix_events_type", "type", "id"),
    Index("ix_events_actor", "actor", "id"),
    Index("ix_events_session_id", "session", "id"),
    sqlite_autoincrement=True,  # a number that was once given is never given again
)

ticks = Table(
    "ticks",
    metadata,
    Column("session", Words, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("second", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

reservations = Table(
    "reservations",
    metadata,
    Column("session", Words, primary_key=True),
    Column("target", Words, nullable=False),
    Column("day", Words, nullable=False),
    Column("amount", Text, nullable=False),
    Column("spent", Text, nullable=False),
    Column("released", Boolean, nullable=False),
    Index("ix_reservations_day", "day", "session"),
)
"""What each session may spend and has spent. It outlives the session: money that was spent stays spent."""

ledger = Table(
    "ledger",
    metadata,
    Column("scope", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("day", Words, primary_key=True),
    Column("reserved", Text, nullable=False),
    Column("spent", Text, nullable=False),
    Index("ix_ledger_day", "day", "scope", "key"),
)
"""Sums of the reservations of a day: one line per target, one for all."""

credentials = Table(
    "credentials",
    metadata,
    Column("name", Words, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("key_id", Words, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger),
    Column("note", Text, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Words, primary_key=True),
    Column("webhook", Words, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("event", BigInteger, ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    Column("state", Words, nullable=False),
    Column("attempts", Text, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    UniqueConstraint("webhook", "event"),
    Index("ix_deliveries_event", "event"),
    Index("ix_deliveries_state", "state", "due_ns", "id"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
    Index("ix_workers_state", "state", "seen_ns"),
)

users = Table(
    "users",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("folded", Words, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Words, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("seen_ns", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("locked_until_ns", BigInteger, nullable=False),
)

logins = Table(
    "logins",
    metadata,
    Column("id", Words, primary_key=True),
    Column("user", Words, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token_hash", Words, nullable=False, unique=True),
    Column("csrf", Words, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False, index=True),
    Column("seen_ns", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("user", Words, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("token_hash", Words, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("prefix", Words, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger),
    Column("used_ns", BigInteger),
    UniqueConstraint("user", "name"),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", Words, primary_key=True),
    Column("document", Words, nullable=False),
    Column("etag", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("position", Integer, nullable=False),
    Column("top", Integer, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Index("ix_drafts_document_actor", "document", "actor"),
)

draft_states = Table(
    "draft_states",
    metadata,
    Column("draft", Words, ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
