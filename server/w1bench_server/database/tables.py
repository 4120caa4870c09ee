"""The tables of the service."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

_DIGEST = String(64)
_NAME = String(64)
_TIME = String(32)  # ISO 8601, UTC
schema = MetaData()
# A row's `hash` is that of its `document`; the other columns repeat the fields that queries need.
ledger = Table(
    "ledger",
    schema,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # so that no two rows follow the same one
    Column("kind", String(16), nullable=False),
    Column("submission", _NAME, nullable=False, index=True),
    Column("user", _NAME, nullable=False),
    Column("at", _TIME, nullable=False),
    # What makes two submissions, or two reveals, the same; their pair; of submissions, whether it was sealed when they were scored.
    Column("content", _DIGEST, unique=True),
    Column("pair", _NAME),
    Column("sealed", Boolean),
    Column("clock", _TIME),  # of submissions, the time by the clock where it was behind `at`
    Column("document", Text, nullable=False),
    Column("hash", _DIGEST, nullable=False, unique=True),
)
resamples = Table(
    "resamples", schema, Column("sha256", _DIGEST, primary_key=True), Column("values", LargeBinary, nullable=False)
)
# `submission` is the id of a submission or of a job; `number` counts the keys of a user, of which the oldest are removed.
idempotency_keys = Table(
    "idempotency_keys",
    schema,
    Column("user", _NAME, primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("submission", _NAME, nullable=False),
    Column("number", BigInteger, nullable=False),
)
# A job's `document` is what is to be done; `attempts` counts its starts, `version` its changes. A job that a worker has claimed
# names it until what the job left behind is removed. `queued_at` is its place in the queue.
jobs = Table(
    "jobs",
    schema,
    Column("id", String(32), primary_key=True),
    Column("queue", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("user", _NAME, nullable=False),
    Column("pair", _NAME, nullable=False),
    Column("content", _DIGEST, nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("started_at", _TIME),
    Column("ended_at", _TIME),
    Column("reason", Text),
    Column("result", _NAME),
    Column("attempts", Integer, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("worker", _NAME, index=True),
    Column("queued_at", _TIME, nullable=False),
    Index("ix_jobs_state_queue_queued_at", "state", "queue", "queued_at"),
)
tokens = Table(
    "tokens",
    schema,
    Column("prefix", String(8), primary_key=True),
    Column("digest", _DIGEST, nullable=False),
    Column("user", _NAME, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME),
    Column("revoked_at", _TIME),
)
# One row: the service's name for itself, which the storage of its bodies repeats.
identity = Table("identity", schema, Column("id", String(32), primary_key=True))
