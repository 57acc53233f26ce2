"""Dagster's records in PostgreSQL through connections that are kept from one event to the next.

Which database it is, and where the records are without one, is `instance_storage.py`; loaded from
there when it is needed, because importing dagster-postgres takes half a second.
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

# What a process keeps: storing an asset's event takes one connection inside another. Beyond that
# they come and go with the work, up to more than a daemon has threads, so that none waits for long.
KEPT, MOST_MORE = 2, 20
RECYCLE_SECONDS = 1800


class Pooled:
    """A storage of dagster-postgres on the engine that this process has for its database."""

    postgres_url: str
    _engine: Engine

    def __init__(self, postgres_url: str) -> None:
        """Open it; the tables are there."""
        super().__init__(postgres_url, should_autocreate_tables=False)  # type: ignore[call-arg]
        self._engine = engine_of(postgres_url)

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """What the webserver asks for: queries end after so many milliseconds."""
        self._engine = engine_of(self.postgres_url, max_overflow, pool_recycle, statement_timeout)


class PooledRuns(Pooled, PostgresRunStorage):
    """Runs."""


class PooledEvents(Pooled, PostgresEventLogStorage):
    """Events: a run writes hundreds, and upstream opens a connection for each."""


class PooledSchedules(Pooled, PostgresScheduleStorage):
    """Schedules, sensors and their ticks."""


class PooledStorage(DagsterPostgresStorage):
    """Dagster's storage on PostgreSQL; the tables are made when they are missing."""

    def __init__(self, postgres_url: str) -> None:
        """Open the storage in this database."""
        super().__init__(postgres_url, should_autocreate_tables=True)
        self._run_storage = PooledRuns(postgres_url)
        self._event_log_storage = PooledEvents(postgres_url)
        self._schedule_storage = PooledSchedules(postgres_url)


def opened(postgres_url: str) -> PooledStorage:
    """The storage in this database; one that can't be reached is one clear line."""
    try:
        return PooledStorage(postgres_url)
    except DagsterPostgresException as error:
        reason = str(error.__cause__).splitlines()[0]
        message = (
            f"The database of Dagster's own records can't be reached: {reason}. Start it or "
            "correct OUSPARK_DAGSTER_DSN, then run again."
        )
        raise WarehouseError(message) from None


@cache
def engine_of(
    url: str,
    most_more: int = MOST_MORE,
    recycle_seconds: int = RECYCLE_SECONDS,
    statement_milliseconds: int | None = None,
) -> Engine:
    """The engine of a database, one per process: instances come and go, its connections stay.

    A connection is tried before it is used, so that a server may restart in between; a fork of
    this process begins without any.
    """
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT,
        max_overflow=most_more,
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
