"""The revision of a database, and its upgrade to the newest one, by Alembic."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from w1bench.errors import InputError

HEAD = "0001"
SCRIPTS = Path(__file__).parent
_VERSIONS = "alembic_version"


def revision(connection: Connection) -> str | None:
    """The revision of a database; None where it has none of our tables."""
    if not inspect(connection).has_table(_VERSIONS):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()


def upgrade(connection: Connection, target: str = HEAD, *, scripts: Path = SCRIPTS) -> None:
    """Bring a database to a revision in the connection's transaction, all of it or nothing, by the migrations in `scripts`.

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
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    command.upgrade(config, target)
