"""The first tables: documents, sessions, events, money, credentials, workers, accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table; those that others refer to first."""
    _documents()
    _sessions()
    _parts_of_sessions()
    _events()
    _money()
    _workers()
    _accounts()


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("folded", WORDS, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("kind", "name", name="uq_documents_kind_name"),
    )
    op.create_index("ix_documents_kind_folded", "documents", ["kind", "folded", "id"])
    op.create_table(
        "revisions",
        sa.Column("document", WORDS, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("etag", WORDS, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name="fk_revisions_document", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document", "revision", name="pk_revisions"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("scenario", WORDS, nullable=False),
        sa.Column("target", WORDS, nullable=False),
        sa.Column("plan_hash", WORDS, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("outcome", WORDS, nullable=True),
        sa.Column("verdict", WORDS, nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reason_kind", WORDS, nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=True),
        sa.Column("finished_ns", sa.BigInteger(), nullable=True),
        sa.Column("restart_of", WORDS, nullable=False),
        sa.Column("conductor", sa.Integer(), nullable=False),
        sa.Column("worker", WORDS, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("conversations", sa.BigInteger(), nullable=False),
        sa.Column("turns", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("cost_pico", sa.BigInteger(), nullable=False),
        sa.Column("p95_ms", sa.Float(precision=53), nullable=True),
        sa.Column("compacted", sa.Boolean(), nullable=False),
        sa.Column("folded", WORDS, nullable=False),
        sa.Column("request_key", WORDS, nullable=True),
        sa.Column("request_hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("request_key", name="uq_sessions_request_key"),
    )
    op.create_index("ix_sessions_cost_pico", "sessions", ["cost_pico", "id"])
    op.create_index("ix_sessions_created_ns", "sessions", ["created_ns", "id"])
    op.create_index("ix_sessions_errors", "sessions", ["errors", "id"])
    op.create_index("ix_sessions_folded", "sessions", ["folded", "id"])
    op.create_index("ix_sessions_outcome", "sessions", ["outcome", "created_ns", "id"])
    op.create_index("ix_sessions_scenario", "sessions", ["scenario", "created_ns", "id"])
    op.create_index("ix_sessions_state", "sessions", ["state", "created_ns", "id"])
    op.create_index("ix_sessions_target", "sessions", ["target", "created_ns", "id"])
    op.create_index("ix_sessions_verdict", "sessions", ["verdict", "created_ns", "id"])


def _parts_of_sessions() -> None:
    op.create_table(
        "session_blobs",
        sa.Column("session", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_session_blobs_session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session", "name", name="pk_session_blobs"),
    )
    op.create_table(
        "shards",
        sa.Column("session", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("worker", WORDS, nullable=False),
        sa.Column("reported_ns", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_shards_session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session", "number", name="pk_shards"),
    )
    op.create_table(
        "shard_attempts",
        sa.Column("session", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", WORDS, nullable=False),
        sa.Column("reported_ns", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_shard_attempts_session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session", "number", "attempt", name="pk_shard_attempts"),
    )
    op.create_table(
        "ticks",
        sa.Column("session", WORDS, nullable=False),
        sa.Column("second", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_ticks_session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session", "second", name="pk_ticks"),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("session", WORDS, nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_events_session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("session", "number", name="uq_events_session_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_actor", "events", ["actor", "id"])
    op.create_index("ix_events_session_id", "events", ["session", "id"])
    op.create_index("ix_events_type", "events", ["type", "id"])
    op.create_table(
        "deliveries",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("webhook", WORDS, nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("attempts", sa.Text(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name="fk_deliveries_event", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["webhook"], ["documents.id"], name="fk_deliveries_webhook", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("webhook", "event", name="uq_deliveries_webhook_event"),
    )
    op.create_index("ix_deliveries_event", "deliveries", ["event"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "due_ns", "id"])


def _money() -> None:
    op.create_table(
        "reservations",
        sa.Column("session", WORDS, nullable=False),
        sa.Column("target", WORDS, nullable=False),
        sa.Column("day", WORDS, nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.Column("spent", sa.Text(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("session", name="pk_reservations"),
    )
    op.create_index("ix_reservations_day", "reservations", ["day", "session"])
    op.create_table(
        "ledger",
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("day", WORDS, nullable=False),
        sa.Column("reserved", sa.Text(), nullable=False),
        sa.Column("spent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", "day", name="pk_ledger"),
    )
    op.create_index("ix_ledger_day", "ledger", ["day", "scope", "key"])


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_index("ix_workers_state", "workers", ["state", "seen_ns"])
    op.create_table(
        "credentials",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", WORDS, nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_credentials"),
    )


def _accounts() -> None:
    op.create_table(
        "users",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("folded", WORDS, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("folded", name="uq_users_folded"),
    )
    op.create_table(
        "logins",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.Column("token_hash", WORDS, nullable=False),
        sa.Column("csrf", WORDS, nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_logins_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_logins"),
        sa.UniqueConstraint("token_hash", name="uq_logins_token_hash"),
    )
    op.create_index("ix_logins_expires_ns", "logins", ["expires_ns"])
    op.create_index("ix_logins_user", "logins", ["user"])
    op.create_table(
        "tokens",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.Column("token_hash", WORDS, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("prefix", WORDS, nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=True),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_tokens_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sa.UniqueConstraint("user", "name", name="uq_tokens_user_name"),
    )
