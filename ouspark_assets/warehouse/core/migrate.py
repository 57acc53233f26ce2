"""Automatic migration of a database to the newest revision, safe when two processes start at once.

The revisions are in `migrations/`. Alembic is imported only if a revision is missing, because the
import takes 0.3 s.
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
    fetch_value,
    first_line,
    open_connection,
    permission_error,
    refuse_wrong_side,
)

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
# Alembic keeps its context in globals, so only one thread of a process may use it. Processes
# exclude each other by the lock in the database (migrations/env.py).
_THREAD_LOCK = threading.Lock()


def migrate(dsn: str, side: Side, wait: float = 0) -> bool:
    """Apply the missing revisions; return whether there were any.

    Keep trying to connect for `wait` seconds.
    """
    with connected(dsn, side, "ouspark migrate", wait=wait) as connection:
        user = connection.info.user
        current: str | None = None
        if fetch_value(connection, "SELECT to_regclass('ops.migrations')"):
            current = fetch_value(connection, "SELECT version_num FROM ops.migrations")
        newest = newest_revision(side)
        if current == newest:
            return False
        refuse_wrong_side(connection, side)
        if current is not None and current > newest:
            message = (
                f"The {side} database was migrated by a newer version of OuSpark (revision "
                f"{current}; this version knows revisions up to {newest}). Update OuSpark, or set "
                f"{side.variable} to another database."
            )
            raise WarehouseError(message)
    with _THREAD_LOCK:
        _upgrade(dsn, side, user, wait)
    return True


@cache
def newest_revision(side: Side) -> str:
    """Return the newest revision, from the file names of this database's migrations."""
    return max(path.name[:4] for path in (MIGRATIONS / side).glob("[0-9]*.py"))


def _upgrade(dsn: str, side: Side, user: str, wait: float) -> None:
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

    def connect() -> Connection:
        connection = open_connection(dsn, side, "ouspark migrate", wait=wait)
        # SQLAlchemy manages the transactions.
        connection.autocommit = False
        return connection

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except DBAPIError as error:
        raise _migration_error(error.orig, side, user) from error
    except CommandError as error:
        raise _migration_error(error, side, user) from error


def _migration_error(error: BaseException | None, side: Side, user: str) -> WarehouseError:
    if isinstance(
        error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction
    ):
        return permission_error(side, error, user)
    reason = first_line(error) if isinstance(error, psycopg.Error) else str(error)
    return WarehouseError(
        f"Cannot migrate the {side} database to revision {newest_revision(side)}: {reason}. "
        f"Nothing was changed. Check that {side.variable} is the right database, and that its "
        "schemas contain nothing else."
    )
