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
    first_line,
    open_connection,
    permission_error,
    refuse_wrong_side,
)

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
# Alembic keeps its context in globals, so only one thread of a process may use it. Processes
# exclude each other by the lock in the database (migrations/env.py).
_THREAD_LOCK = threading.Lock()


def migrate(dsn: str, side: Side) -> bool:
    """Apply the missing revisions; return whether there were any."""
    with connected(dsn, side, "ouspark migrate") as connection:
        current = _current_revision(connection)
        if current == newest_revision(side):
            return False
        refuse_wrong_side(connection, side)
        _refuse_newer(current, side)
    with _THREAD_LOCK:
        _upgrade(dsn, side)
    return True


@cache
def newest_revision(side: Side) -> str:
    """Return the newest revision, from the file names of this database's migrations."""
    return max(path.name[:4] for path in (MIGRATIONS / side).glob("[0-9]*.py"))


def _refuse_newer(current: str | None, side: Side) -> None:
    if current is not None and current > newest_revision(side):
        message = (
            f"The {side} database was migrated by a newer version of OuSpark (revision {current}; "
            f"this version knows revisions up to {newest_revision(side)}). Update OuSpark, or set "
            f"{side.variable} to another database."
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
        # SQLAlchemy manages the transactions, so autocommit is off.
        creator=lambda: _without_autocommit(open_connection(dsn, side, "ouspark migrate")),
        poolclass=NullPool,
    )
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except DBAPIError as error:
        raise _migration_error(error.orig, side) from error
    except CommandError as error:
        raise _migration_error(error, side) from error


def _migration_error(error: BaseException | None, side: Side) -> WarehouseError:
    if isinstance(
        error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction
    ):
        return permission_error(side, error)
    reason = first_line(error) if isinstance(error, psycopg.Error) else str(error)
    return WarehouseError(
        f"Cannot migrate the {side} database to revision {newest_revision(side)}: {reason}. "
        f"Nothing was changed. Check that {side.variable} is the right database, and that its "
        "schemas contain nothing else."
    )


def _without_autocommit(connection: Connection) -> Connection:
    connection.autocommit = False
    return connection
