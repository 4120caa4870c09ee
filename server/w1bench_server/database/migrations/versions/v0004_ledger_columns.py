"""The ledger's columns `pair` and `sealed`, so that a quota counts rows without reading their documents."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("pair", sa.String(64)))
    op.add_column("ledger", sa.Column("sealed", sa.Boolean))
    connection = op.get_bind()
    ledger = sa.table("ledger", *map(sa.column, ("seq", "kind", "document", "pair", "sealed")))
    submissions = sa.select(ledger.c.seq, ledger.c.document).where(ledger.c.kind == "submission")
    with _changes_allowed(connection.dialect.name):
        for seq, document in connection.execute(submissions).all():
            entry = json.loads(document)
            sealed = json.loads(entry["scorecard"]).get("sealed", False)
            change = sa.update(ledger).where(ledger.c.seq == seq).values(pair=entry["pair"], sealed=sealed)
            connection.execute(change)


@contextmanager
def _changes_allowed(dialect: str) -> Generator[None]:
    """The ledger without the trigger that keeps it append-only, in the transaction of the migration."""
    if dialect == "sqlite":
        op.execute("DROP TRIGGER ledger_refuse_update")
        yield
        op.execute(
            "CREATE TRIGGER ledger_refuse_update BEFORE UPDATE ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
    else:
        op.execute("ALTER TABLE ledger DISABLE TRIGGER ledger_refuse_change")
        yield
        op.execute("ALTER TABLE ledger ENABLE TRIGGER ledger_refuse_change")
