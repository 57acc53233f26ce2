"""`ouspark metrics`: the current state as metrics for Prometheus. Reads only, starts nothing.

The facts are collected here; which metrics they become is `operations/metrics.py`. A server that
cannot be reached is reported as a metric.
"""

import re
import signal
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import click
import psycopg

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.domain.errors import OuSparkError, WarehouseError
from ouspark_assets.operations.metrics import (
    ListenAddress,
    Metrics,
    MetricsServer,
    Snapshot,
    SnapshotTaker,
    format_metrics,
    write_metrics,
)
from ouspark_assets.operations.present_state import (
    read_cache_state,
    read_completeness,
    read_publication_state,
)
from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets.orchestration.checks.check_results import read_failed_blocking_checks
from ouspark_assets.orchestration.resources import Lake
from ouspark_assets.services.server_status import read_services_status
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.connection import (
    Connection,
    Side,
    connected,
    first_line,
    read_only_snapshot,
)
from ouspark_assets.warehouse.publication.publications import Publication
from ouspark_assets.warehouse.publication.publish_transaction import Source, current_source
from ouspark_assets.warehouse.records.counters import read_counters

LOOPBACK = "127.0.0.1"
LISTEN_ADDRESS = re.compile(r"(?:(?P<host>[^:\s]+|\[[0-9a-fA-F:]+\]):)?(?P<port>[0-9]{1,5})")
MAX_PORT = 65_535
CONNECT_TIMEOUT, STATEMENT_TIMEOUT = 2, "3s"
Urls = Mapping[str, str]


def export_metrics(*, textfile: Path | None, serve: str | None, timeout: float) -> None:
    """Print the current state as metrics for Prometheus."""
    collector = Metrics(SnapshotTaker(_fill, timeout))
    if serve:
        with MetricsServer(_listen_address(serve), collector) as server:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            click.echo(f"Metrics on http://{server.address}/metrics", err=True)
            server.serve_forever()
    elif textfile:
        write_metrics(collector, textfile)
    else:
        click.echo(format_metrics(collector), nl=False)


def _listen_address(text: str) -> ListenAddress:
    match = LISTEN_ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > MAX_PORT:
        message = f"{text!r} is not [HOST:]PORT, e.g. 9464 or 127.0.0.1:9464."
        raise click.BadParameter(message, param_hint="--serve")
    return ListenAddress((match["host"] or LOOPBACK).strip("[]"), int(match["port"]))


def _fill(snapshot: Snapshot) -> None:
    """Collect the facts, the most important first, as the time may run out."""
    settings = load_settings()
    servers = read_services_status(settings.servers, show_secrets=True).servers
    urls = {server.setting: server.usable_address for server in servers if server.usable_address}
    try:
        with _connected(urls, Side.DEVELOPMENT) as development:
            with read_only_snapshot(development, STATEMENT_TIMEOUT):
                snapshot.history = read_counters(development)
                source = current_source(development)
            snapshot.publication, published = _publication(urls, source)
            snapshot.cache = _cache(urls, published)
            releases = read_completeness(development, Lake().archive(), settings.site)
            snapshot.complete_releases = sum(releases.values())
            snapshot.incomplete_releases = len(releases) - snapshot.complete_releases
    except (OuSparkError, psycopg.Error) as error:
        snapshot.problem = _error_message(error)
    checks = read_failed_blocking_checks(settings)
    snapshot.failed_checks = None if checks is None else len(checks)


def _connected(urls: Urls, side: Side) -> AbstractContextManager[Connection]:
    name = "dev_dsn" if side is Side.DEVELOPMENT else "prod_dsn"
    if name not in urls:
        message = f"The {side} database is stopped; it starts when it is needed."
        raise WarehouseError(message)
    return connected(urls[name], side, "ouspark metrics", CONNECT_TIMEOUT)


def _publication(urls: Urls, source: Source) -> tuple[PublicationState, Publication | None]:
    try:
        with (
            _connected(urls, Side.PRODUCTION) as production,
            read_only_snapshot(production, STATEMENT_TIMEOUT),
        ):
            return read_publication_state(production, source)
    except (OuSparkError, psycopg.Error) as error:
        return PublicationState(problem=_error_message(error)), None


def _cache(urls: Urls, published: Publication | None) -> CacheState:
    if "redis_url" not in urls:
        return CacheState(problem="stopped")
    try:
        with connect_cache(urls["redis_url"], CONNECT_TIMEOUT) as client:
            return read_cache_state(client, published)
    except OuSparkError as error:
        return CacheState(problem=str(error))


def _error_message(error: Exception) -> str:
    return first_line(error) if isinstance(error, psycopg.Error) else str(error)
