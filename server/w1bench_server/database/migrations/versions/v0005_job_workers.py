"""Job workers: which worker holds a job, and since when a job has been waiting for one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("worker", sa.String(64)))
    op.create_index("ix_jobs_worker", "jobs", ["worker"])
    op.add_column("jobs", sa.Column("queued_at", sa.String(32), nullable=False, server_default=""))
    op.execute("UPDATE jobs SET queued_at = created_at")
    op.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")  # their workers kept their names elsewhere
    op.drop_index("ix_jobs_state_queue_created_at", "jobs")
    op.create_index("ix_jobs_state_queue_queued_at", "jobs", ["state", "queue", "queued_at"])
