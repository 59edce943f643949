"""Drafts: documents that people are editing, edit by edit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "drafts",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("document", WORDS, nullable=False),
        sa.Column("etag", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("top", sa.Integer(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_document_actor", "drafts", ["document", "actor"])
    op.create_table(
        "draft_states",
        sa.Column("draft", WORDS, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["draft"], ["drafts.id"], name="fk_draft_states_draft", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("draft", "position", name="pk_draft_states"),
    )
