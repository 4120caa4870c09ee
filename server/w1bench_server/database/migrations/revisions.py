"""The revision of a database, and its upgrade to the newest one, by Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from w1bench.errors import InputError

FIRST, HEAD = "0001", "0006"
_VERSIONS = "alembic_version"


def revision(connection: Connection) -> str | None:
    """The revision of a database; None where it has none of our tables."""
    tables = inspect(connection)
    if tables.has_table(_VERSIONS):
        return connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()
    return FIRST if tables.has_table("submissions") else None  # 0.1.0 made its tables without Alembic


def upgrade(connection: Connection, target: str = HEAD) -> None:
    """Bring a database to a revision in the connection's transaction: all of it, or nothing.

    Raises:
        InputError: a newer w1bench made it.
    """
    from alembic import command
    from alembic.config import Config

    current = revision(connection)
    if current is not None and current > HEAD:
        raise InputError(
            f"The database has revision {current}, and this w1bench knows those up to {HEAD}; a newer one has opened it: upgrade "
            "w1bench, or restore a backup into another database."
        )
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    if current == FIRST and not inspect(connection).has_table(_VERSIONS):
        command.stamp(config, FIRST)
    command.upgrade(config, target)
