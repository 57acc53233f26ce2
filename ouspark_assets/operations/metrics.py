"""Prometheus metrics: their names, meanings, labels and values, and how they are exported.

`cli/metrics.py` finds out the facts; they arrive here as a `Snapshot`. The text format is written
by prometheus-client, including escaping and the choice between its two formats.

Labels are bounded: stages, releases (some sixty), outcomes, tables. Times are timestamps and not
ages, so that they are still right in a file that is read later.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest, write_to_textfile
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ouspark_assets.domain.errors import MetricsError
from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets.warehouse.records.counters import (
    BUCKETS,
    LatestStage,
    OpenRecords,
    OperationalCounts,
    ScrapeCounts,
    StageCounts,
)
from ouspark_assets.warehouse.records.site_health import SiteHealth

PATH = "/metrics"
REQUEST_TIMEOUT = 10
TEXT = "text/plain; charset=utf-8"
# While this many snapshots hang, no further one is started.
MAX_HANGING_SNAPSHOTS = 8
BREAKER_STATES = ("closed", "open", "half-open")

log = logging.getLogger(__name__)


@dataclass
class Snapshot:
    """The facts at one moment, filled in one by one; None means unknown."""

    history: OperationalCounts | None = None
    publication: PublicationState | None = None
    cache: CacheState | None = None
    complete_releases: int | None = None
    incomplete_releases: int | None = None
    failed_checks: int | None = None
    problem: str | None = None


FillSnapshot = Callable[[Snapshot], None]


class SnapshotTaker:
    """Takes snapshots within a time limit, each in a thread of its own.

    Facts that are not known when the time is up are missing from the snapshot.
    """

    def __init__(self, fill: FillSnapshot, timeout: float) -> None:
        """Fill snapshots by this function and wait for `timeout` seconds at most."""
        self._fill, self._timeout = fill, timeout
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def take(self) -> Snapshot:
        """Return what is known now, or when the time is up."""
        snapshot = Snapshot()
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) >= MAX_HANGING_SNAPSHOTS:
                return snapshot
            thread = threading.Thread(target=self._fill, args=(snapshot,), daemon=True)
            self._threads.append(thread)
            thread.start()
        thread.join(self._timeout)
        # A copy, because a late thread goes on writing to the original.
        return replace(snapshot)


class Metrics(Collector):
    """Takes a snapshot whenever metrics are requested and turns it into metric families."""

    def __init__(self, snapshots: SnapshotTaker) -> None:
        """Collect metrics from these snapshots."""
        self._snapshots = snapshots
        self._problem: str | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as of now; log when facts become unavailable or available again."""
        snapshot = self._snapshots.take()
        if snapshot.problem != self._problem:
            self._problem = snapshot.problem
            if self._problem is None:
                log.warning("Metrics are complete again.")
            else:
                log.warning("Metrics are incomplete: %s", self._problem)
        yield from metric_families(snapshot)


def format_metrics(metrics: Metrics) -> str:
    """Return the metrics in Prometheus' text format."""
    return generate_latest(metrics).decode()


def write_metrics(metrics: Metrics, path: Path) -> None:
    """Replace a file by the metrics, atomically."""
    try:
        write_to_textfile(str(path), metrics)
    except OSError as error:
        message = f"Cannot write the metrics to {path}: {error.strerror}."
        raise MetricsError(message) from error


@dataclass(frozen=True)
class ListenAddress:
    """The host and port that metrics are served on."""

    host: str
    port: int

    def __str__(self) -> str:
        """As in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MetricsServer(ThreadingHTTPServer):
    """Serves `/metrics`; every request has its own thread, so a slow client delays nobody else."""

    def __init__(self, address: ListenAddress, metrics: Metrics) -> None:
        """Listen on the address; raise MetricsError if that is impossible."""
        self.metrics = metrics
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            message = f"Cannot serve metrics on {address}: {error.strerror or error}."
            raise MetricsError(message) from error

    @cached_property
    def address(self) -> ListenAddress:
        """The address it listens on, with the actual port if port 0 was requested."""
        return ListenAddress(str(self.server_address[0]), int(self.server_address[1]))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log at debug level that a client disconnected early."""
        del request
        log.debug("%s disconnected before it was answered.", client_address)


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = REQUEST_TIMEOUT

    def do_GET(self) -> None:
        if self.path.split("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, TEXT, f"Metrics are at {PATH}.\n".encode())
            return
        encode, content_type = choose_encoder(self.headers.get("accept", ""))
        self._answer(HTTPStatus.OK, content_type, encode(self.server.metrics))

    do_HEAD = do_GET  # noqa: N815 (http.server looks for this name)

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "OuSpark"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        log.debug(format, *args)


def metric_families(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield the metrics of every known fact."""
    history = snapshot.history
    yield _gauge(
        "ouspark_up", "Whether the development database could be read", float(history is not None)
    )
    if history is not None:
        yield from _runs(history.stages)
        yield from _rows(history.stages)
        yield _durations(history.stages)
        yield from _latest_stages(history.latest)
        yield from _scrapes(history.scrapes)
        if history.sites:
            # Only the site scraped last: the others are e.g. yesterday's stand-in.
            yield from _site(history.sites[0])
        yield _quarantine(history.quarantine)
    if snapshot.complete_releases is not None and snapshot.incomplete_releases is not None:
        yield _releases(snapshot.complete_releases, snapshot.incomplete_releases)
    if snapshot.failed_checks is not None:
        yield _gauge(
            "ouspark_failed_checks",
            "Blocking checks whose latest result is a failure; they prevent publishing",
            snapshot.failed_checks,
        )
    if snapshot.publication is not None:
        yield from _publication(snapshot.publication)
    if snapshot.cache is not None:
        yield from _cache(snapshot.cache)


def _runs(stages: Sequence[StageCounts]) -> Iterator[Metric]:
    runs = CounterMetricFamily(
        "ouspark_stage_runs",
        "Runs of a stage by outcome; died means killed before it could record an outcome",
        labels=["stage", "outcome"],
    )
    unfinished = GaugeMetricFamily(
        "ouspark_unfinished_stages",
        "Stages without an end: running now, or dead and not yet closed by a later run",
        labels=["state"],
    )
    unfinished.add_metric(["at_work"], sum(stage.running for stage in stages))
    unfinished.add_metric(["dead"], sum(stage.dead for stage in stages))
    for stage in stages:
        runs.add_metric([stage.asset, "succeeded"], stage.succeeded)
        runs.add_metric([stage.asset, "failed"], stage.failed)
        runs.add_metric([stage.asset, "died"], stage.died)
    yield from (runs, unfinished)


def _rows(stages: Iterable[StageCounts]) -> Iterator[Metric]:
    def family(kind: str, meaning: str) -> CounterMetricFamily:
        return CounterMetricFamily(f"ouspark_stage_{kind}_rows", meaning, labels=["stage"])

    read = family("read", "Rows that stages read (for the scrape: requests)")
    written = family(
        "written", "Rows in the tables of stages after each run (for the scrape: students found)"
    )
    changed = family("changed", "Rows that stages added, changed or removed")
    quarantined = family(
        "quarantined", "Records in quarantine at the end of stages, summed over their runs"
    )
    for stage in stages:
        read.add_metric([stage.asset], stage.rows_in)
        written.add_metric([stage.asset], stage.rows_written)
        changed.add_metric([stage.asset], stage.rows_changed)
        quarantined.add_metric([stage.asset], stage.rows_quarantined)
    yield from (read, written, changed, quarantined)


def _durations(stages: Iterable[StageCounts]) -> Metric:
    family = HistogramMetricFamily(
        "ouspark_stage_duration_seconds",
        "Duration of stages, whether they succeeded or failed",
        labels=["stage"],
    )
    for stage in stages:
        bounds = [str(bound) for bound in BUCKETS]
        buckets = [*zip(bounds, stage.within, strict=True), ("+Inf", stage.ended)]
        family.add_metric([stage.asset], buckets, stage.seconds)
    return family


def _latest_stages(latest: Iterable[LatestStage]) -> Iterator[Metric]:
    def family(name: str, meaning: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"ouspark_stage_last_{name}", meaning, labels=["stage", "release"])

    success = family("success", "Whether the latest run of a stage and release succeeded")
    ended = family("end_timestamp_seconds", "When the latest run of a stage and release ended")
    seconds = family("duration_seconds", "Duration of the latest run of a stage and release")
    rows = family("rows", "Rows that the latest run read, or wrote if it reads none")
    for stage in latest:
        labels = [stage.asset, stage.release or ""]
        success.add_metric(labels, float(stage.succeeded))
        ended.add_metric(labels, stage.ended.timestamp())
        if stage.seconds is not None:
            seconds.add_metric(labels, stage.seconds)
        if stage.rows is not None:
            rows.add_metric(labels, stage.rows)
    yield from (success, ended, seconds, rows)


def _scrapes(scrapes: Iterable[ScrapeCounts]) -> Iterator[Metric]:
    def family(name: str, meaning: str, *more: str) -> CounterMetricFamily:
        return CounterMetricFamily(f"ouspark_scrape_{name}", meaning, labels=["release", *more])

    requests = family("requests", "Requests to the results site")
    answers = family("answers", "Hall tickets by outcome of their answer", "outcome")
    retries = family("retries", "Hall tickets that were requested again after a failure")
    received = family("received_bytes", "Bytes of answers received")
    outages = family("outages", "How often the circuit breaker opened because the site was down")
    for scrape in scrapes:
        requests.add_metric([scrape.release], scrape.requests)
        answers.add_metric([scrape.release, "found"], scrape.found)
        answers.add_metric([scrape.release, "not_found"], scrape.not_found)
        answers.add_metric([scrape.release, "no_change"], scrape.no_change)
        answers.add_metric([scrape.release, "failed"], scrape.failed)
        retries.add_metric([scrape.release], scrape.retries)
        received.add_metric([scrape.release], scrape.received)
        outages.add_metric([scrape.release], scrape.outages)
    yield from (requests, answers, retries, received, outages)


def _site(site: SiteHealth) -> Iterator[Metric]:
    breaker = GaugeMetricFamily(
        "ouspark_site_breaker_state",
        "1 for the state of the site's circuit breaker as of its latest scrape, 0 for the others",
        labels=["site", "state"],
    )
    for state in BREAKER_STATES:
        breaker.add_metric([site.host, state], float(site.breaker == state))
    yield breaker
    for name, meaning, value in (
        (
            "site_up_or_down_since_timestamp_seconds",
            "When the circuit breaker entered its state",
            site.since.timestamp(),
        ),
        (
            "site_seen_timestamp_seconds",
            "When a scrape last reported on the site",
            site.seen_at.timestamp(),
        ),
        ("site_concurrency_limit", "Current limit of concurrent requests", site.at_once),
        ("site_scraping", "Whether a scrape of the site is running now", float(site.alive)),
    ):
        family = GaugeMetricFamily(f"ouspark_{name}", meaning, labels=["site"])
        family.add_metric([site.host], value)
        yield family


def _quarantine(tables: Iterable[OpenRecords]) -> Metric:
    family = GaugeMetricFamily(
        "ouspark_quarantine_open_records",
        "Open quarantine records by the table that they were meant for",
        labels=["table"],
    )
    for table in tables:
        family.add_metric([table.table_name], table.records)
    return family


def _releases(complete: int, incomplete: int) -> Metric:
    family = GaugeMetricFamily(
        "ouspark_releases",
        "Releases that runs select by default; complete if every hall ticket has an answer",
        labels=["state"],
    )
    family.add_metric(["complete"], complete)
    family.add_metric(["incomplete"], incomplete)
    return family


def _publication(publication: PublicationState) -> Iterator[Metric]:
    up = publication.problem is None
    yield _gauge(
        "ouspark_production_up", "Whether the production database could be read", float(up)
    )
    if not up:
        return
    yield _gauge(
        "ouspark_publication_number",
        "Number of the newest publication; 0 if there is none",
        publication.number or 0,
    )
    if publication.published_at is not None:
        yield _gauge(
            "ouspark_publication_timestamp_seconds",
            "When the newest publication was made",
            publication.published_at.timestamp(),
        )
    yield _gauge(
        "ouspark_publication_behind",
        "Whether development has changed since the newest publication",
        float(publication.behind),
    )
    yield _gauge(
        "ouspark_publication_held",
        "Whether publishing is on hold after a rollback until it is resumed",
        float(publication.held is not None),
    )


def _cache(cache: CacheState) -> Iterator[Metric]:
    up = cache.problem is None
    yield _gauge("ouspark_cache_up", "Whether the cache could be read", float(up))
    if not up:
        return
    yield _gauge(
        "ouspark_cache_publication_number",
        "Publication of the current cache generation; 0 if there is none",
        cache.publication or 0,
    )
    if cache.built_at is not None:
        yield _gauge(
            "ouspark_cache_built_timestamp_seconds",
            "When the current cache generation was built",
            cache.built_at.timestamp(),
        )
    yield _gauge(
        "ouspark_cache_behind",
        "Whether the cache generation is older than the newest publication",
        float(cache.behind),
    )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
