"""The identity of a service, which the storage of its bodies repeats; the ledger's `clock`, by which quotas count; the order of keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    op.create_table("identity", sa.Column("id", sa.String(32), primary_key=True))
    op.add_column("ledger", sa.Column("clock", sa.String(32)))
    op.add_column("idempotency_keys", sa.Column("number", sa.BigInteger, nullable=False, server_default="0"))
