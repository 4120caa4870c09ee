"""Idempotency keys: a key of a user's stands for one content, be it a submission's or a job's."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from w1bench_server.database.tables import idempotency_keys, jobs, ledger
from w1bench_server.errors import KeyReusedError

UNDONE = ("failed", "cancelled")  # states of jobs whose key, and content, are free again


def check_key(connection: Connection, user: str, key: str | None, content: str) -> None:
    """Hold a key, if one is given, against the content that it stands for already.

    Raises:
        KeyReusedError: it is another one.
    """
    if key is not None and _stands_for(connection, user, key) not in (None, content):
        raise KeyReusedError(
            "This Idempotency-Key came before, with other content; use a new key for a new request, or send the same "
            "content again."
        )


def remember_key(connection: Connection, user: str, key: str | None, identity: str) -> None:
    """Have a key, once checked, stand for a submission's or job's content from now on."""
    of_user = (idempotency_keys.c.user == user, idempotency_keys.c.key == key)
    known = select(idempotency_keys.c.submission).where(*of_user)
    if key is not None and connection.execute(known).scalar() != identity:
        connection.execute(delete(idempotency_keys).where(*of_user))  # of a job that came to nothing
        connection.execute(insert(idempotency_keys).values(user=user, key=key, submission=identity))


def _stands_for(connection: Connection, user: str, key: str) -> str | None:
    given = (idempotency_keys.c.user == user, idempotency_keys.c.key == key)
    of_submission = (
        select(ledger.c.content)
        .join(idempotency_keys, idempotency_keys.c.submission == ledger.c.submission)
        .where(*given, ledger.c.kind == "submission")
    )
    of_job = (
        select(jobs.c.content)
        .join(idempotency_keys, idempotency_keys.c.submission == jobs.c.id)
        .where(*given, jobs.c.state.not_in(UNDONE))
    )
    return connection.execute(of_submission).scalar() or connection.execute(of_job).scalar()
