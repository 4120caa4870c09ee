"""The table of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"
_DIGEST, _NAME, _TIME = sa.String(64), sa.String(64), sa.String(32)


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("queue", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("user", _NAME, nullable=False),
        sa.Column("pair", _NAME, nullable=False),
        sa.Column("content", _DIGEST, nullable=False, index=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("reason", sa.Text),
        sa.Column("result", _NAME),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancelling", sa.Boolean, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("ix_jobs_state_queue_created_at", "jobs", ["state", "queue", "created_at"])
