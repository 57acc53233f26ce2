"""`ouspark metrics`: how things stand, in numbers for Prometheus. Reads only, starts nothing.

Here is where the facts come from and where they go; a server that can't be reached is a number
like any other.
"""

import re
import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import click
import psycopg

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cli.present_state import (
    cache_state,
    completeness,
    failing_checks,
    publication_state,
)
from ouspark_assets.domain.errors import OuSparkError, WarehouseError
from ouspark_assets.operations.metrics.exposition import (
    Address,
    Metrics,
    MetricsServer,
    text,
    write,
)
from ouspark_assets.operations.metrics.reading import Reader, Reading
from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets.services.overview import overview
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.connection import Connection, Side, connected, first_line
from ouspark_assets.warehouse.publication.publications import Publication
from ouspark_assets.warehouse.publication.publishing import Source, current_source
from ouspark_assets.warehouse.records.counters import read_history

LOOPBACK = "127.0.0.1"
ADDRESS = re.compile(r"(?:(?P<host>[^:\s]+|\[[0-9a-fA-F:]+\]):)?(?P<port>[0-9]{1,5})")
HIGHEST_PORT = 65_535
USABLE = ("running", "configured")
CONNECT_SECONDS, STATEMENT_SECONDS = 2, 3
Addresses = Mapping[str, str]


@click.command()
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write them to this file at once, for node_exporter's textfile collector (*.prom).",
)
@click.option("--serve", metavar="[HOST:]PORT", help="Serve /metrics, on loopback by default.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 60),
    default=8.0,
    help="Seconds that a reading may take; what is not known by then is left out (default 8).",
)
def metrics(*, textfile: Path | None, serve: str | None, timeout: float) -> None:
    """Print how things stand, in numbers for Prometheus.

    Nothing is started for it: servers that are stopped or can't be reached are numbers too
    (ouspark_up 0).
    """
    if textfile and serve:
        message = "--textfile and --serve exclude each other"
        raise click.UsageError(message)
    found = Metrics(Reader(_fill, timeout))
    if serve:
        _serve(found, _address(serve))
    elif textfile:
        write(found, textfile)
    else:
        click.echo(text(found), nl=False)


def _serve(found: Metrics, address: Address) -> None:
    with MetricsServer(address, found) as server:
        signal.signal(signal.SIGTERM, lambda *_: _end())
        click.echo(f"Metrics on http://{server.address}/metrics", err=True)
        server.serve_forever()


def _end() -> None:
    raise SystemExit(0)


def _address(given: str) -> Address:
    found = ADDRESS.fullmatch(given)
    if found is None or int(found["port"]) > HIGHEST_PORT:
        message = f"{given!r} is not [HOST:]PORT, as 9464 or 127.0.0.1:9464"
        raise click.BadParameter(message, param_hint="--serve")
    return Address((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))


def _fill(reading: Reading) -> None:
    """Find out what can be found out, the most important first."""
    addresses = _addresses()
    try:
        with _reading(addresses, Side.DEVELOPMENT) as development:
            with development.transaction():
                _briefly(development)
                reading.history = read_history(development)
                source = current_source(development)
            reading.publication, published = _publication(addresses, source)
            reading.cache = _cache(addresses, published)
            _count_releases(reading, development)
    except (OuSparkError, psycopg.Error) as error:
        reading.problem = _said(error)
    checks = failing_checks()
    reading.failed_checks = None if checks is None else len(checks)


def _addresses() -> Addresses:
    """The addresses of what runs."""
    servers = overview(load_settings().servers, show_secrets=True).servers
    return {it.setting: it.address for it in servers if it.state in USABLE and it.address}


def _reading(addresses: Addresses, side: Side) -> AbstractContextManager[Connection]:
    name = "dev_dsn" if side is Side.DEVELOPMENT else "prod_dsn"
    if name not in addresses:
        message = f"The {side} database is stopped; it starts when it is needed."
        raise WarehouseError(message)
    return connected(addresses[name], side, "ouspark metrics", CONNECT_SECONDS)


def _briefly(connection: Connection) -> None:
    """One state of the database for a whole transaction, and no statement for long."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")


def _publication(
    addresses: Addresses, source: Source
) -> tuple[PublicationState, Publication | None]:
    try:
        with _reading(addresses, Side.PRODUCTION) as production, production.transaction():
            _briefly(production)
            return publication_state(production, source)
    except (OuSparkError, psycopg.Error) as error:
        return PublicationState(None, None, behind=False, held=None, problem=_said(error)), None


def _cache(addresses: Addresses, published: Publication | None) -> CacheState:
    if "redis_url" not in addresses:
        return CacheState(None, None, None, behind=False, problem="stopped")
    try:
        with connect_cache(addresses["redis_url"], CONNECT_SECONDS) as client:
            return cache_state(client, published)
    except OuSparkError as error:
        return CacheState(None, None, None, behind=False, problem=str(error))


def _count_releases(reading: Reading, development: Connection) -> None:
    known = completeness(development)
    reading.complete_releases = sum(known.values())
    reading.incomplete_releases = len(known) - reading.complete_releases


def _said(error: Exception) -> str:
    return first_line(error) if isinstance(error, psycopg.Error) else str(error)
