"""Connections to the two databases, and the one clear line when there is none to be had.

Nothing is read or written here. Addresses come in as arguments and appear in no message.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from urllib.parse import urlsplit

import psycopg

from ouspark_assets.errors import WarehouseError

CONNECT_TIMEOUT_SECONDS = 10
LEAST_SERVER_VERSION = 150000  # MERGE, UNIQUE NULLS NOT DISTINCT
TRANSACTION_POOLER_PORT = 6543

Connection = psycopg.Connection[tuple[object, ...]]


class Side(StrEnum):
    """Which of the two databases."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"

    @property
    def variable(self) -> str:
        """The setting that names this database."""
        return "OUSPARK_DEV_DSN" if self is Side.DEVELOPMENT else "OUSPARK_PROD_DSN"


@contextmanager
def connected(dsn: str, side: Side, purpose: str = "ouspark") -> Iterator[Connection]:
    """A connection in autocommit mode, closed afterwards."""
    with open_connection(dsn, side, purpose) as connection:
        yield connection


def open_connection(dsn: str, side: Side, purpose: str = "ouspark") -> Connection:
    """Connect, and refuse a server that is too old to be used."""
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name=purpose,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            prepare_threshold=None if _is_transaction_pooler(dsn) else 5,
        )
    except psycopg.Error as error:
        message = (
            f"The {side} database can't be reached: {_first_line(error)}. "
            f"Start it or correct {side.variable}, then run again."
        )
        raise WarehouseError(message) from None
    if connection.info.server_version < LEAST_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        connection.close()
        message = f"The {side} database is PostgreSQL {version}; 15 or newer is needed."
        raise WarehouseError(message)
    return connection


def _is_transaction_pooler(dsn: str) -> bool:
    try:
        return urlsplit(dsn).port == TRANSACTION_POOLER_PORT
    except ValueError:
        return False


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
