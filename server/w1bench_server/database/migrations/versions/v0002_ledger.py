"""One table for submissions, new scores and retractions: each row is a document and its hash.

A row of the first schema was hashed as the canonical JSON of its columns; that text is kept now, so that its hash stays.
"""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
_DIGEST, _NAME, _TIME = sa.String(64), sa.String(64), sa.String(32)
_CONTENT = ("user", "pair_digest", "method", "sha256")


def upgrade() -> None:
    ledger = op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("submission", _NAME, nullable=False, index=True),
        sa.Column("user", _NAME, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("content", _DIGEST, unique=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("hash", _DIGEST, nullable=False, unique=True),
    )
    op.create_table(
        "resamples", sa.Column("sha256", _DIGEST, primary_key=True), sa.Column("values", sa.LargeBinary, nullable=False)
    )
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT * FROM submissions ORDER BY seq")).mappings().all():
        columns = dict(row)
        columns["reference"] = bool(columns["reference"])
        connection.execute(sa.insert(ledger).values(_moved(columns)))
    keys = connection.execute(sa.text("SELECT * FROM idempotency_keys")).mappings().all()
    op.drop_table("idempotency_keys")
    op.drop_table("submissions")
    remembered = op.create_table(
        "idempotency_keys",
        sa.Column("user", _NAME, primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("submission", _NAME, nullable=False),
    )
    if keys:
        connection.execute(sa.insert(remembered), [dict(key) for key in keys])
    _refuse_changes(connection.dialect.name)


def _moved(columns: dict[str, object]) -> dict[str, object]:
    digest = columns.pop("hash")
    content = json.dumps([columns[name] for name in _CONTENT], separators=(",", ":"))
    return {
        "seq": columns["seq"],
        "kind": "submission",
        "submission": columns["id"],
        "user": columns["user"],
        "at": columns["submitted_at"],
        "content": hashlib.sha256(content.encode()).hexdigest(),
        "document": json.dumps(columns, sort_keys=True, separators=(",", ":")),
        "hash": digest,
    }


def _refuse_changes(dialect: str) -> None:
    if dialect == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ledger_refuse_{change.lower()} BEFORE {change} ON ledger "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER ledger_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
    )
