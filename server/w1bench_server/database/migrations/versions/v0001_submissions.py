"""The schema of 0.1.0: a table of submissions, chained by hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None
_DIGEST, _NAME, _TIME = sa.String(64), sa.String(64), sa.String(32)


def upgrade() -> None:
    op.create_table(
        "submissions",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", _NAME, nullable=False, unique=True),
        sa.Column("pair", _NAME, nullable=False),
        sa.Column("pair_digest", _DIGEST, nullable=False),
        sa.Column("method", _NAME, nullable=False),
        sa.Column("user", _NAME, nullable=False),
        sa.Column("sha256", _DIGEST, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("submitted_at", _TIME, nullable=False),
        sa.Column("scorer", _NAME, nullable=False),
        sa.Column("scorecard", sa.Text, nullable=False),
        sa.Column("reference", sa.Boolean, nullable=False),
        sa.Column("previous", _DIGEST, nullable=False, unique=True),
        sa.Column("hash", _DIGEST, nullable=False, unique=True),
        sa.UniqueConstraint("user", "pair_digest", "method", "sha256"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user", _NAME, primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("submission", _NAME, sa.ForeignKey("submissions.id"), nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("prefix", sa.String(8), primary_key=True),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("user", _NAME, nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.Column("revoked_at", _TIME),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER submissions_refuse_{change.lower()} BEFORE {change} ON submissions "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
