"""Connections to the two databases, and the one clear line when there is none to be had.

Nothing is read or written here. Addresses come in as arguments and appear in no message.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ouspark_assets.domain.errors import WarehouseError

CONNECT_TIMEOUT_SECONDS = 10
LEAST_SERVER_VERSION = 150000  # MERGE, UNIQUE NULLS NOT DISTINCT
TRANSACTION_POOLER_PORT = 6543
LAST_PORT = 65_535

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
def connected(
    dsn: str, side: Side, purpose: str = "ouspark", wait: int = CONNECT_TIMEOUT_SECONDS
) -> Iterator[Connection]:
    """A connection in autocommit mode, closed afterwards."""
    with open_connection(dsn, side, purpose, wait) as connection, _clear_errors(side):
        yield connection


def open_connection(
    dsn: str, side: Side, purpose: str = "ouspark", wait: int = CONNECT_TIMEOUT_SECONDS
) -> Connection:
    """Connect, and refuse a server that is too old to be used."""
    given = _parts_of(dsn, side)
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name=purpose,
            connect_timeout=_seconds_to_wait(given, wait),
            prepare_threshold=None if _is_transaction_pooler(given) else 5,
            **_defaults(given, side),
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


@contextmanager
def _clear_errors(side: Side) -> Iterator[None]:
    """What a server does to us in the middle, as one line; faults of the program stay faults."""
    try:
        yield
    except psycopg.OperationalError as error:
        message = (
            f"The {side} database cut the work short: {first_line(error)}. Run again when it is "
            "well."
        )
        raise WarehouseError(message) from None
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ReadOnlySqlTransaction,
    ) as error:
        raise not_allowed(side, error) from None


def not_allowed(side: Side, error: psycopg.Error) -> WarehouseError:
    """The one line for a role that lacks rights, and for a server that takes no writes."""
    return WarehouseError(
        f"The {side} database does not allow it: {first_line(error)}. Give the role of "
        f"{side.variable} the right to create and write tables there, on a server that takes "
        "writes, then run again."
    )


def _parts_of(dsn: str, side: Side) -> dict[str, Any]:
    """An address taken apart; libpq's own complaint would quote it, password and all."""
    try:
        given = conninfo_to_dict(dsn)
        ports = [int(port or 0) for port in str(given.get("port") or "").split(",")]
        int(given.get("connect_timeout") or 0)
    except (psycopg.ProgrammingError, ValueError):
        ports = [-1]
    if not all(0 <= port <= LAST_PORT for port in ports):
        message = (
            f"{side.variable} is no PostgreSQL URL that can be read: check its port and "
            "parameters, and write what is special in a password as %25 for %, %2F for /, %40 "
            "for @ and so on."
        )
        raise WarehouseError(message)
    return given


def _defaults(given: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """What an address that does not say otherwise means: TLS to production, dead peers noticed."""
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


def _seconds_to_wait(given: Mapping[str, Any], most: int) -> int:
    """As long as the address says, and no longer than whoever asks has time for."""
    said = int(given.get("connect_timeout") or 0) or CONNECT_TIMEOUT_SECONDS
    return said if most == CONNECT_TIMEOUT_SECONDS else min(said, most)


def _is_transaction_pooler(given: Mapping[str, Any]) -> bool:
    return str(given.get("port")) == str(TRANSACTION_POOLER_PORT)


def first_line(error: psycopg.Error) -> str:
    """What the server said, without the details, which may carry rows of students."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
