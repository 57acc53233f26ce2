"""The health of an installation's parts, and the checks of databases and cache.

The checks of Dagster's processes are in `orchestration/supervision/`. Nothing is started here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.domain.errors import OuSparkError, SupervisionError
from ouspark_assets.services.server_status import read_services_status
from ouspark_assets.settings import ServerSettings
from ouspark_assets.warehouse.core.connection import Side, connected, fetch_value, first_line

# A server that takes longer to accept a connection is of no use to a run either.
CONNECT_TIMEOUT = 5
STATEMENT_TIMEOUT = "5s"


class Part(StrEnum):
    """A part of the installation whose health is checked."""

    CODE = "code"
    DAEMON = "daemon"
    SENSORS = "sensors"
    DEVELOPMENT = "development"
    PRODUCTION = "production"
    CACHE = "cache"
    PROCESSES = "processes"
    MONITOR = "monitor"


@dataclass(frozen=True)
class PartHealth:
    """Whether a part works, and one line that says why or why not."""

    part: Part
    is_healthy: bool
    detail: str


@dataclass(frozen=True)
class HealthReport:
    """The health of several parts at one time."""

    at: datetime
    parts: tuple[PartHealth, ...]

    @property
    def unhealthy(self) -> tuple[PartHealth, ...]:
        """The parts that do not work."""
        return tuple(part for part in self.parts if not part.is_healthy)


def check_part(part: Part, check: Callable[[], str]) -> PartHealth:
    """Return the health of a part; `check` says what works, or raises an error."""
    try:
        return PartHealth(part, is_healthy=True, detail=check())
    except OuSparkError as error:
        return PartHealth(part, is_healthy=False, detail=" ".join(str(error).split()))


def check_database(settings: ServerSettings, side: Side) -> str:
    """Run a statement in a database; raise an error if it is stopped or does not answer."""
    setting = "dev_dsn" if side is Side.DEVELOPMENT else "prod_dsn"
    address = _usable_address(settings, setting)
    try:
        with connected(address, side, "ouspark health", CONNECT_TIMEOUT) as connection:
            connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
            version = fetch_value(connection, "SHOW server_version")
    except psycopg.Error as error:
        message = f"The {side} database does not answer: {first_line(error)}."
        raise SupervisionError(message) from error
    return f"PostgreSQL {str(version).split()[0]} answers."


def check_cache(settings: ServerSettings) -> str:
    """Connect to the cache; raise an error if it is stopped or does not answer."""
    with connect_cache(_usable_address(settings, "redis_url"), CONNECT_TIMEOUT) as client:
        return f"{client.dbsize():,} keys."


def summarize(parts: Sequence[PartHealth]) -> str:
    """Return the names of the parts that do not work, in one sentence."""
    unhealthy = [part.part.value for part in parts if not part.is_healthy]
    if not unhealthy:
        return "Every part is healthy."
    return f"Not healthy: {', '.join(unhealthy)}."


def _usable_address(settings: ServerSettings, setting: str) -> str:
    servers = read_services_status(settings, show_secrets=True).servers
    server = next(server for server in servers if server.setting == setting)
    if server.usable_address is None:
        problem = f" ({server.problem})" if server.problem else ""
        message = f"The embedded server is {server.state}{problem}. It starts when it is needed."
        raise SupervisionError(message)
    return server.usable_address
