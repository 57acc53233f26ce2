"""Exclusion between processes: transaction-level advisory locks, which survive poolers.

A lock lives exactly as long as the transaction that took it, so a killed process leaves none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import psycopg

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection

NAMESPACE = 0x4F55  # "OU": the first key of every lock of this project


class Lock(IntEnum):
    """What can be held; the second key of the lock."""

    MIGRATE = 1
    WRITE = 2
    PUBLISH = 3
    CACHE = 4
    SCRAPE = 5
    RUN = 6


def hold(connection: Connection, lock: Lock) -> None:
    """Take the lock for the current transaction, waiting for it."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (NAMESPACE, lock.value))


def hold_within(connection: Connection, lock: Lock, seconds: float, doing: str) -> None:
    """Take the lock for the current transaction, or say who has had it for all this time."""
    try:
        with connection.transaction():
            connection.execute(
                "SELECT set_config('lock_timeout', %s, true)", (f"{max(1, int(seconds * 1000))}ms",)
            )
            hold(connection, lock)
    except psycopg.errors.LockNotAvailable:
        message = (
            f"{doing} waited {seconds:g} s for {_holder_of(connection, lock)}, which is at work. "
            "Run again when it is done."
        )
        raise WarehouseError(message) from None


@contextmanager
def alone(
    connection: Connection,
    lock: Lock,
    seconds: float,
    doing: str,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Be the only one at something for as long as it takes, waiting for whoever is at it."""
    done = False
    try:
        with connection.transaction():
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            if not _try_hold(connection, lock):
                tell(f"{doing} waits for {_holder_of(connection, lock)} to be done.")
                hold_within(connection, lock, seconds, doing)
            yield
            done = True
    except psycopg.OperationalError:
        # The server went away with the lock; what was done under it is done.
        if not (done and connection.broken):
            raise


def _try_hold(connection: Connection, lock: Lock) -> bool:
    row = connection.execute(
        "SELECT pg_try_advisory_xact_lock(%s, %s)", (NAMESPACE, lock.value)
    ).fetchone()
    return row is not None and row[0] is True


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
