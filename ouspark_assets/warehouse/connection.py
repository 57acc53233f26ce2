"""Connections to the two databases, and the one clear line when there is none to be had.

Nothing is read or written here. Addresses come in as arguments and appear in no message.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ouspark_assets.errors import WarehouseError

CONNECT_TIMEOUT_SECONDS = 10
LEAST_SERVER_VERSION = 150000  # MERGE, UNIQUE NULLS NOT DISTINCT
TRANSACTION_POOLER_PORT = 6543

# A peer that vanished is noticed after a minute, not after the two hours of TCP's own defaults.
KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

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
            **_defaults(dsn, side),
        )
    except psycopg.Error as error:
        message = (
            f"The {side} database can't be reached: {first_line(error)}. "
            f"Start it or correct {side.variable}, then run again."
        )
        raise WarehouseError(message) from None
    if connection.info.server_version < LEAST_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        connection.close()
        message = f"The {side} database is PostgreSQL {version}; 15 or newer is needed."
        raise WarehouseError(message)
    return connection


def _defaults(dsn: str, side: Side) -> dict[str, Any]:
    """What an address that does not say otherwise means: TLS to production, dead peers noticed."""
    given = conninfo_to_dict(dsn)
    defaults: dict[str, Any] = dict(KEEPALIVES)
    remote = not _is_local(str(given.get("host") or os.environ.get("PGHOST", "")))
    if side is Side.PRODUCTION and remote and "PGSSLMODE" not in os.environ:
        defaults["sslmode"] = "require"
    return {name: value for name, value in defaults.items() if name not in given}


def _is_local(hosts: str) -> bool:
    """Whether a server is reached through a socket or the loopback alone."""
    return all(
        host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))
        for host in hosts.split(",")
    )


def _is_transaction_pooler(dsn: str) -> bool:
    try:
        return urlsplit(dsn).port == TRANSACTION_POOLER_PORT
    except ValueError:
        return False


def first_line(error: psycopg.Error) -> str:
    """What the server said, without the details, which may carry rows of students."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
