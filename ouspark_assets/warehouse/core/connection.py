"""Connections to the two databases, queries of one value or of objects, and connection errors.

Which tables are read or written does not belong here, nor which failures to connect are retried
(`connection_retries.py`). Addresses appear in no message.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import Params
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row, scalar_row

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection_retries import retry_connecting

DEFAULT_CONNECT_TIMEOUT = 10
# The first version with MERGE and UNIQUE NULLS NOT DISTINCT.
MIN_SERVER_VERSION = 150000
TRANSACTION_POOLER_PORT = 6543
MAX_PORT = 65_535

# A lost peer is detected after a minute instead of two hours, the default of TCP.
KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

PUBLISHER = "ouspark_publisher"
# Errors of logging in that the script of the roles corrects.
MISSING_LOGIN = (
    "is not permitted to log in",
    "permission denied for database",
    f'role "{PUBLISHER}" does not exist',
)

log = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]
Query = str | sql.SQL | sql.Composed
T = TypeVar("T")


class ConnectionLostError(WarehouseError):
    """The connection was lost during the work. Work that is idempotent can be repeated."""


class Side(StrEnum):
    """One of the two databases."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"

    @property
    def variable(self) -> str:
        """The environment variable with the address of this database."""
        return "OUSPARK_DEV_DSN" if self is Side.DEVELOPMENT else "OUSPARK_PROD_DSN"


# A table that only this database has.
IDENTIFYING_TABLES = {Side.DEVELOPMENT: "ops.identity", Side.PRODUCTION: "ops.publications"}


def fetch_value(connection: Connection, query: Query, parameters: Params | None = None) -> Any:
    """Return the first column of the first row; None without a row."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, parameters).fetchone()


def fetch_objects(
    connection: Connection, kind: type[T], query: Query, parameters: Params | None = None
) -> list[T]:
    """Return every row as an object; the columns are the arguments of the class."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, parameters).fetchall()


@contextmanager
def connected(
    dsn: str,
    side: Side,
    purpose: str = "ouspark",
    timeout: int = DEFAULT_CONNECT_TIMEOUT,
    wait: float = 0,
) -> Iterator[Connection]:
    """Yield a connection in autocommit mode, and close it afterwards."""
    with (
        open_connection(dsn, side, purpose, timeout, wait) as connection,
        _translate_errors(side, connection),
    ):
        yield connection


def open_connection(
    dsn: str,
    side: Side,
    purpose: str = "ouspark",
    timeout: int = DEFAULT_CONNECT_TIMEOUT,
    wait: float = 0,
) -> Connection:
    """Connect to a server of at least MIN_SERVER_VERSION.

    Keep trying for `wait` seconds while the server does not take connections for the moment.
    """
    parameters = _parse_dsn(dsn, side)
    configured_timeout = int(parameters.get("connect_timeout") or 0) or DEFAULT_CONNECT_TIMEOUT
    is_pooler = str(parameters.get("port")) == str(TRANSACTION_POOLER_PORT)

    def connect() -> Connection:
        return psycopg.connect(
            dsn,
            autocommit=True,
            application_name=purpose,
            # A timeout that the caller chose caps the one of the address.
            connect_timeout=configured_timeout
            if timeout == DEFAULT_CONNECT_TIMEOUT
            else min(configured_timeout, timeout),
            prepare_threshold=None if is_pooler else 5,
            **_default_parameters(parameters, side),
        )

    def notify(error: psycopg.Error) -> None:
        problem = first_line(error)
        log.warning("The %s database is not ready: %s. Trying for %g s.", side, problem, wait)

    try:
        connection = retry_connecting(connect, wait, notify)
    except psycopg.Error as error:
        advice = f"Start it or correct {side.variable}, then run again."
        if side is Side.PRODUCTION and any(text in str(error) for text in MISSING_LOGIN):
            advice = roles_advice(str(parameters.get("user")))
        message = f"The {side} database can't be reached: {first_line(error)}. {advice}"
        # The cause may quote the address, password included.
        raise WarehouseError(message) from None
    if connection.info.server_version < MIN_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        connection.close()
        message = f"The {side} database is PostgreSQL {version}; version 15 or newer is required."
        raise WarehouseError(message)
    return connection


@contextmanager
def _translate_errors(side: Side, connection: Connection) -> Iterator[None]:
    """Turn a lost connection and a missing right into one line; bugs keep their traceback."""
    try:
        yield
    except psycopg.OperationalError as error:
        message = (
            f"The {side} database closed the connection: {first_line(error)}. Run again when the "
            "server is reachable."
        )
        kind = ConnectionLostError if connection.broken else WarehouseError
        raise kind(message) from error
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ReadOnlySqlTransaction,
    ) as error:
        raise permission_error(side, error, connection.info.user) from error


def permission_error(side: Side, error: psycopg.Error, user: str) -> WarehouseError:
    """Return the error for a role without rights, or a server that is read-only."""
    advice = (
        f"Give the role of {side.variable} the right to create and write tables, on a server that "
        "accepts writes, then run again."
    )
    if side is Side.PRODUCTION and isinstance(error, psycopg.errors.InsufficientPrivilege):
        advice = roles_advice(user)
    return WarehouseError(
        f"The {side} database refused the statement: {first_line(error)}. {advice}"
    )


def roles_advice(user: str) -> str:
    """Return what to do about a missing right in production; `user` is the role without it."""
    advice = (
        "Ask an administrator to run the script that `ouspark publication roles` prints, "
        "then run again."
    )
    # Poolers of managed servers append the name of the project to the role.
    if user.partition(".")[0] != PUBLISHER:
        advice += (
            f" The script gives the right to publish to {PUBLISHER} and to roles that published "
            f"before; OUSPARK_PROD_DSN logs in as {user}."
        )
    return advice


def _parse_dsn(dsn: str, side: Side) -> dict[str, Any]:
    try:
        parameters = conninfo_to_dict(dsn)
        ports = [int(port or 0) for port in str(parameters.get("port") or "").split(",")]
        int(parameters.get("connect_timeout") or 0)
    except (psycopg.ProgrammingError, ValueError):
        # libpq's own message quotes the address, password included.
        ports = [-1]
    if not all(0 <= port <= MAX_PORT for port in ports):
        message = (
            f"{side.variable} is not a valid PostgreSQL URL: check its port and parameters, and "
            "percent-encode special characters of the password, e.g. %25 for %, %2F for / and "
            "%40 for @."
        )
        raise WarehouseError(message)
    return parameters


def _default_parameters(parameters: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """Return what the address does not say: keepalives, and TLS to a remote production."""
    defaults: dict[str, Any] = dict(KEEPALIVES)
    hosts = str(parameters.get("host") or os.environ.get("PGHOST", ""))
    is_remote = any(
        host not in ("", "localhost", "::1") and not host.startswith(("/", "@", "127."))
        for host in hosts.split(",")
    )
    if side is Side.PRODUCTION and is_remote and "PGSSLMODE" not in os.environ:
        defaults["sslmode"] = "require"
    return {name: value for name, value in defaults.items() if name not in parameters}


@contextmanager
def read_only_snapshot(connection: Connection, timeout: str | None = None) -> Iterator[None]:
    """Read one state of the database in the block; each statement may take this long, e.g. `5s`."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if timeout is not None:
            connection.execute(f"SET LOCAL statement_timeout = '{timeout}'")
        yield


def first_line(error: Exception) -> str:
    """Return the server's message without its details, which may contain rows of students."""
    return (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__


def refuse_wrong_side(connection: Connection, side: Side) -> None:
    """Raise an error if the database is already in use as the other side's database."""
    other = Side.PRODUCTION if side is Side.DEVELOPMENT else Side.DEVELOPMENT
    if fetch_value(connection, "SELECT to_regclass(%s)", (IDENTIFYING_TABLES[other],)):
        message = (
            f"The {side} database is already used as the {other} database: both addresses lead to "
            f"the same one, or they were swapped. Give {side.variable} a database of its own."
        )
        raise WarehouseError(message)
