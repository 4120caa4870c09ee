"""Migrations: the schema's revisions by Alembic, applied to a database when it is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from w1bench.errors import InputError

FIRST, HEAD = "0001", "0005"
_VERSIONS = "alembic_version"


def revision(connection: Connection) -> str | None:
    """The revision of a database; None where it has no tables of ours."""
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

    found = revision(connection)
    if found is not None and found > HEAD:
        raise InputError(
            f"The database has revision {found}, this w1bench knows those up to {HEAD}; a newer one was here: upgrade "
            "w1bench, or restore a backup into another database."
        )
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    if found == FIRST and not inspect(connection).has_table(_VERSIONS):
        command.stamp(config, FIRST)
    command.upgrade(config, target)
