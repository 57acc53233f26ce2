"""Mutual exclusion between processes: transaction-level advisory locks, which work through poolers.

A lock ends with the transaction that acquired it, so a killed process leaves none behind.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import psycopg

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection, fetch_value

# "OU", the first key of every lock of this project.
NAMESPACE = 0x4F55


class Lock(IntEnum):
    """What a lock protects; the second key of the advisory lock."""

    MIGRATE = 1
    WRITE = 2
    PUBLISH = 3
    CACHE = 4
    SCRAPE = 5
    RUN = 6


def acquire(connection: Connection, lock: Lock) -> None:
    """Acquire the lock for the current transaction, however long that takes."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (NAMESPACE, lock.value))


def acquire_within(connection: Connection, lock: Lock, seconds: float, activity: str) -> None:
    """Acquire the lock for the current transaction, or raise an error that names its holder.

    `activity` names the waiting work in messages, e.g. "Publishing".
    """
    try:
        with connection.transaction():
            connection.execute(
                "SELECT set_config('lock_timeout', %s, true)", (f"{max(1, int(seconds * 1000))}ms",)
            )
            acquire(connection, lock)
    except psycopg.errors.LockNotAvailable as error:
        message = (
            f"{activity} waited {seconds:g} s for {_holder_of(connection, lock)}, which is still "
            "running. Run again when it has finished."
        )
        raise WarehouseError(message) from error


@contextmanager
def exclusive_lock(
    connection: Connection,
    lock: Lock,
    seconds: float,
    activity: str,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold the lock for the duration of the block; call `notify` before waiting for it."""
    is_done = False
    try:
        with connection.transaction():
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            query = "SELECT pg_try_advisory_xact_lock(%s, %s)"
            if not fetch_value(connection, query, (NAMESPACE, lock.value)):
                notify(f"{activity} is waiting for {_holder_of(connection, lock)} to finish.")
                acquire_within(connection, lock, seconds, activity)
            yield
            is_done = True
    except psycopg.OperationalError:
        # The connection was lost after the block had finished, so there is nothing to report.
        if not (is_done and connection.broken):
            raise


def _holder_of(connection: Connection, lock: Lock) -> str:
    row = connection.execute(
        """
        SELECT a.application_name, a.pid, date_trunc('second', a.xact_start)
          FROM pg_locks l
          JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND l.classid = %s AND l.objid = %s
        """,
        (NAMESPACE, lock.value),
    ).fetchone()
    return f"'{row[0]}' (backend {row[1]}, since {row[2]})" if row else "another process"
