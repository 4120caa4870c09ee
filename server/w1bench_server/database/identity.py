"""The identity of a service: a random name in its database, which the storage of its bodies repeats, so that neither is taken for another's."""

from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, select

from w1bench_server.database.connection import writing
from w1bench_server.database.tables import identity


def find_identity(connection: Connection) -> str | None:
    """The identity in a database; None before the first start of its service."""
    return connection.execute(select(identity.c.id)).scalar()


def make_identity(engine: Engine) -> str:
    """The identity in a database, which gets one if it has none."""
    with writing(engine) as connection:
        found = find_identity(connection)
        if found is None:
            found = uuid4().hex
            connection.execute(insert(identity).values(id=found))
        return found
