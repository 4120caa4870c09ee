"""Idempotency keys: each key of a user stands for one content, of a submission or of a job; the newest are kept."""

from sqlalchemy import Connection, delete, func, insert, select

from w1bench_server.database.tables import idempotency_keys, jobs, ledger
from w1bench_server.errors import KeyReusedError

UNDONE = ("failed", "cancelled")  # states of jobs whose key, and content, are free again
MOST_KEYS = 1000  # of one user


def check_key(connection: Connection, user: str, key: str | None, content: str) -> None:
    """Check that a key, if there is one, does not stand for other content already.

    Raises:
        KeyReusedError: it does.
    """
    if key is not None and _stands_for(connection, user, key) not in (None, content):
        raise KeyReusedError(
            "This Idempotency-Key was used before with other content; use a new key for a new request, or send the same "
            "content again."
        )


def remember_key(connection: Connection, user: str, key: str | None, identity: str) -> None:
    """Have a checked key stand for the content of a submission or job from now on, until `MOST_KEYS` newer ones of its user came."""
    of_user = (idempotency_keys.c.user == user, idempotency_keys.c.key == key)
    remembered = select(idempotency_keys.c.submission).where(*of_user)
    if key is not None and connection.execute(remembered).scalar() != identity:
        connection.execute(delete(idempotency_keys).where(*of_user))  # it stood for a job that failed or was cancelled
        newest = select(func.coalesce(func.max(idempotency_keys.c.number), 0)).where(idempotency_keys.c.user == user)
        number = connection.execute(newest).scalar_one() + 1
        row = {"user": user, "key": key, "submission": identity, "number": number}
        connection.execute(insert(idempotency_keys).values(row))
        past = (idempotency_keys.c.user == user, idempotency_keys.c.number <= number - MOST_KEYS)
        connection.execute(delete(idempotency_keys).where(*past))


def _stands_for(connection: Connection, user: str, key: str) -> str | None:
    this_key = (idempotency_keys.c.user == user, idempotency_keys.c.key == key)
    of_submission = (
        select(ledger.c.content)
        .join(idempotency_keys, idempotency_keys.c.submission == ledger.c.submission)
        .where(*this_key, ledger.c.kind == "submission")
    )
    of_job = (
        select(jobs.c.content)
        .join(idempotency_keys, idempotency_keys.c.submission == jobs.c.id)
        .where(*this_key, jobs.c.state.not_in(UNDONE))
    )
    return connection.execute(of_submission).scalar() or connection.execute(of_job).scalar()
