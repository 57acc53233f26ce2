"""Bring a database to the newest revision, by itself, safe when two processes start at once.

The revisions are in `migrations/`. Alembic is imported only when there is something to do
(0.3 s of every start otherwise).
"""

import threading
from functools import cache
from pathlib import Path

import psycopg

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import (
    Connection,
    Side,
    connected,
    first_line,
    not_allowed,
    open_connection,
)
from ouspark_assets.warehouse.publication.guards import refuse_other_side

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
# Alembic keeps its context in globals: threads of one process take turns here, processes take
# turns at the lock in the database (migrations/env.py).
_ONE_THREAD = threading.Lock()


def migrate(dsn: str, side: Side) -> bool:
    """Apply what is missing; says whether anything was."""
    with connected(dsn, side, "ouspark migrate") as connection:
        current = _current_revision(connection)
        if current == newest_revision(side):
            return False
        refuse_other_side(connection, side)
        _refuse_newer(current, side)
    with _ONE_THREAD:
        _upgrade(dsn, side)
    return True


@cache
def newest_revision(side: Side) -> str:
    """The revision that the newest file of this side carries in its name."""
    return max(path.name[:4] for path in (MIGRATIONS / side).glob("[0-9]*.py"))


def _refuse_newer(current: str | None, side: Side) -> None:
    if current is not None and current > newest_revision(side):
        message = (
            f"The {side} database was migrated by a newer OuSpark (revision {current}, this one "
            f"knows up to {newest_revision(side)}): update the program, or give {side.variable} "
            "another database."
        )
        raise WarehouseError(message)


def _current_revision(connection: Connection) -> str | None:
    found = connection.execute("SELECT to_regclass('ops.migrations')").fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM ops.migrations").fetchone()
    return str(row[0]) if row else None


def _upgrade(dsn: str, side: Side) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(MIGRATIONS / side))
    config.set_main_option("path_separator", "os")
    engine = create_engine(
        "postgresql+psycopg://",
        # SQLAlchemy drives transactions itself: autocommit off.
        creator=lambda: _transactional(open_connection(dsn, side, "ouspark migrate")),
        poolclass=NullPool,
    )
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except DBAPIError as error:
        raise _failed(error.orig, side) from None
    except CommandError as error:
        raise _failed(error, side) from None


def _failed(error: BaseException | None, side: Side) -> WarehouseError:
    """One line for a migration that the server did not let through, or that does not fit."""
    if isinstance(
        error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction
    ):
        return not_allowed(side, error)
    why = first_line(error) if isinstance(error, psycopg.Error) else str(error)
    return WarehouseError(
        f"The {side} database can't be brought to revision {newest_revision(side)}: {why}. Nothing "
        f"was changed. Is {side.variable} the right database, with nothing else in its schemas?"
    )


def _transactional(connection: Connection) -> Connection:
    connection.autocommit = False
    return connection
