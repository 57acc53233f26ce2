"""Dagster's own records in PostgreSQL, through connections that stay open between events.

`instance_storage.py` selects the storage and imports this module only when a DSN is set, because
importing dagster-postgres takes half a second.
"""

import os
from functools import cache

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import DagsterPostgresException, set_pg_statement_timeout
from sqlalchemy import Engine, create_engine, event

from ouspark_assets.domain.errors import WarehouseError

# A process keeps two connections open: storing an asset's event uses one while another is in use.
POOL_SIZE = 2
# Further connections are opened on demand, up to more than the daemon has threads, so that no
# thread waits long.
MAX_OVERFLOW = 20
RECYCLE_SECONDS = 1800


class PooledEngine:
    """Mixin: a storage of dagster-postgres on the one engine of this process for its database."""

    postgres_url: str
    _engine: Engine

    def __init__(self, postgres_url: str) -> None:
        """Use the storage in this database; the tables exist already."""
        super().__init__(postgres_url, should_autocreate_tables=False)  # type: ignore[call-arg]
        self._engine = shared_engine(postgres_url)

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Use an engine with the limits of the webserver: queries end after this many ms."""
        self._engine = shared_engine(
            self.postgres_url, max_overflow, pool_recycle, statement_timeout
        )


class PooledRunStorage(PooledEngine, PostgresRunStorage):
    """Runs."""


class PooledEventLogStorage(PooledEngine, PostgresEventLogStorage):
    """Events: a run writes hundreds, and the stock class opens a connection for each."""


class PooledScheduleStorage(PooledEngine, PostgresScheduleStorage):
    """Schedules, sensors and their ticks."""


class PooledStorage(DagsterPostgresStorage):
    """Dagster's storage on PostgreSQL; creates the tables if they are missing."""

    def __init__(self, postgres_url: str) -> None:
        """Use the storage in this database."""
        super().__init__(postgres_url, should_autocreate_tables=True)
        self._run_storage = PooledRunStorage(postgres_url)
        self._event_log_storage = PooledEventLogStorage(postgres_url)
        self._schedule_storage = PooledScheduleStorage(postgres_url)


def open_storage(postgres_url: str) -> PooledStorage:
    """Return the storage in this database; raise a one-line error if it is unreachable."""
    try:
        return PooledStorage(postgres_url)
    except DagsterPostgresException as error:
        reason = str(error.__cause__).splitlines()[0]
        message = (
            f"The database of Dagster's own records cannot be reached: {reason}. Start it or "
            "correct OUSPARK_DAGSTER_DSN, then run again."
        )
        # The cause would show the DSN with its password.
        raise WarehouseError(message) from None


@cache
def shared_engine(
    url: str,
    max_overflow: int = MAX_OVERFLOW,
    recycle_seconds: int = RECYCLE_SECONDS,
    statement_milliseconds: int | None = None,
) -> Engine:
    """Return the engine of a database, one per process, so that connections outlive instances.

    Connections are tested before use, so the server may restart in between. A fork of this process
    starts without connections.
    """
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        pool_recycle=recycle_seconds,
    )
    if statement_milliseconds is not None:
        event.listen(
            engine,
            "connect",
            lambda connection, _: set_pg_statement_timeout(connection, statement_milliseconds),
        )
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine
