"""Prometheus metrics: their names, meanings, labels and values, and how they are exported.

The facts are collected by `cli/metrics.py` and arrive as a `Snapshot`; prometheus-client writes the
text formats. Labels are bounded: stages, releases (some sixty), outcomes, tables. Times are
timestamps and not ages, so that they are still right in a file that is read later.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
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
# Every metric, with what it counts or measures.
MEANINGS = {
    "ouspark_up": "Whether the development database could be read",
    "ouspark_stage_runs": (
        "Runs of a stage by outcome; died means killed before it could record an outcome"
    ),
    "ouspark_unfinished_stages": (
        "Stages without an end: running now, or dead and not yet closed by a later run"
    ),
    "ouspark_stage_read_rows": "Rows that stages read (for the scrape: requests)",
    "ouspark_stage_written_rows": (
        "Rows in the tables of stages after each run (for the scrape: students found)"
    ),
    "ouspark_stage_changed_rows": "Rows that stages added, changed or removed",
    "ouspark_stage_quarantined_rows": (
        "Records in quarantine at the end of stages, summed over their runs"
    ),
    "ouspark_stage_duration_seconds": "Duration of stages, whether they succeeded or failed",
    "ouspark_stage_last_success": "Whether the latest run of a stage and release succeeded",
    "ouspark_stage_last_end_timestamp_seconds": "When the latest run of a stage and release ended",
    "ouspark_stage_last_duration_seconds": "Duration of the latest run of a stage and release",
    "ouspark_stage_last_rows": "Rows that the latest run read, or wrote if it reads none",
    "ouspark_scrape_requests": "Requests to the results site",
    "ouspark_scrape_answers": "Hall tickets by outcome of their answer",
    "ouspark_scrape_retries": "Hall tickets that were requested again after a failure",
    "ouspark_scrape_received_bytes": "Bytes of answers received",
    "ouspark_scrape_outages": "How often the circuit breaker opened because the site was down",
    "ouspark_site_breaker_state": (
        "1 for the state of the site's circuit breaker as of its latest scrape, 0 for the others"
    ),
    "ouspark_site_up_or_down_since_timestamp_seconds": "When the circuit breaker entered its state",
    "ouspark_site_seen_timestamp_seconds": "When a scrape last reported on the site",
    "ouspark_site_concurrency_limit": "Current limit of concurrent requests",
    "ouspark_site_scraping": "Whether a scrape of the site is running now",
    "ouspark_quarantine_open_records": (
        "Open quarantine records by the table that they were meant for"
    ),
    "ouspark_releases": (
        "Releases that runs select by default; complete if every hall ticket has an answer"
    ),
    "ouspark_failed_checks": (
        "Blocking checks whose latest result is a failure; they prevent publishing"
    ),
    "ouspark_production_up": "Whether the production database could be read",
    "ouspark_publication_number": "Number of the newest publication; 0 if there is none",
    "ouspark_publication_timestamp_seconds": "When the newest publication was made",
    "ouspark_publication_behind": "Whether development has changed since the newest publication",
    "ouspark_publication_held": (
        "Whether publishing is on hold after a rollback until it is resumed"
    ),
    "ouspark_cache_up": "Whether the cache could be read",
    "ouspark_cache_publication_number": (
        "Publication of the current cache generation; 0 if there is none"
    ),
    "ouspark_cache_built_timestamp_seconds": "When the current cache generation was built",
    "ouspark_cache_behind": "Whether the cache generation is older than the newest publication",
}
Samples = Iterable[tuple[tuple[str, ...], float | datetime | None]]

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
        """Return the facts that are known when all are, or when the time is up."""
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
        # Counts only, collected by another user; every other file of ours is private.
        path.chmod(0o644)
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
    history, complete = snapshot.history, snapshot.complete_releases
    yield from _gauge("ouspark_up", history is not None)
    if history is not None:
        yield from _stages(history.stages)
        yield from _latest_stages(history.latest)
        yield from _scrapes(history.scrapes)
        if history.sites:
            # Only the site scraped last: the others are e.g. yesterday's stand-in.
            yield from _site(history.sites[0])
        records = [((table.table_name,), table.records) for table in history.quarantine]
        yield _gauges("ouspark_quarantine_open_records", ["table"], records)
    if complete is not None and snapshot.incomplete_releases is not None:
        states = [(("complete",), complete), (("incomplete",), snapshot.incomplete_releases)]
        yield _gauges("ouspark_releases", ["state"], states)
    yield from _gauge("ouspark_failed_checks", snapshot.failed_checks)
    if publication := snapshot.publication:
        yield from _gauge("ouspark_production_up", publication.problem is None)
        if publication.problem is None:
            yield from _gauge("ouspark_publication_number", publication.number or 0)
            yield from _gauge("ouspark_publication_timestamp_seconds", publication.published_at)
            yield from _gauge("ouspark_publication_behind", publication.behind)
            yield from _gauge("ouspark_publication_held", publication.held is not None)
    if cache := snapshot.cache:
        yield from _gauge("ouspark_cache_up", cache.problem is None)
        if cache.problem is None:
            yield from _gauge("ouspark_cache_publication_number", cache.publication or 0)
            yield from _gauge("ouspark_cache_built_timestamp_seconds", cache.built_at)
            yield from _gauge("ouspark_cache_behind", cache.behind)


def _stages(stages: Sequence[StageCounts]) -> Iterator[Metric]:
    runs = [
        ((stage.asset, outcome), getattr(stage, outcome))
        for stage in stages
        for outcome in ("succeeded", "failed", "died")
    ]
    yield _counters("ouspark_stage_runs", ["stage", "outcome"], runs)
    running, dead = sum(stage.running for stage in stages), sum(stage.dead for stage in stages)
    yield _gauges(
        "ouspark_unfinished_stages", ["state"], [(("at_work",), running), (("dead",), dead)]
    )
    for name, column in (
        ("ouspark_stage_read_rows", "rows_in"),
        ("ouspark_stage_written_rows", "rows_written"),
        ("ouspark_stage_changed_rows", "rows_changed"),
        ("ouspark_stage_quarantined_rows", "rows_quarantined"),
    ):
        yield _counters(name, ["stage"], [((row.asset,), getattr(row, column)) for row in stages])
    name = "ouspark_stage_duration_seconds"
    durations = HistogramMetricFamily(name, MEANINGS[name], labels=["stage"])
    for stage in stages:
        buckets = [*zip(map(str, BUCKETS), stage.within, strict=True), ("+Inf", stage.ended)]
        durations.add_metric([stage.asset], buckets, stage.seconds)
    yield durations


def _latest_stages(latest: Iterable[LatestStage]) -> Iterator[Metric]:
    for name, column in (
        ("ouspark_stage_last_success", "succeeded"),
        ("ouspark_stage_last_end_timestamp_seconds", "ended"),
        ("ouspark_stage_last_duration_seconds", "seconds"),
        ("ouspark_stage_last_rows", "rows"),
    ):
        samples = [((run.asset, run.release or ""), getattr(run, column)) for run in latest]
        yield _gauges(name, ["stage", "release"], samples)


def _scrapes(scrapes: Iterable[ScrapeCounts]) -> Iterator[Metric]:
    answers = [
        ((scrape.release, outcome), getattr(scrape, outcome))
        for scrape in scrapes
        for outcome in ("found", "not_found", "no_change", "no_result", "failed")
    ]
    for name, column in (
        ("ouspark_scrape_requests", "requests"),
        ("ouspark_scrape_retries", "retries"),
        ("ouspark_scrape_received_bytes", "received"),
        ("ouspark_scrape_outages", "outages"),
    ):
        samples = [((scrape.release,), getattr(scrape, column)) for scrape in scrapes]
        yield _counters(name, ["release"], samples)
    yield _counters("ouspark_scrape_answers", ["release", "outcome"], answers)


def _site(site: SiteHealth) -> Iterator[Metric]:
    states = [((site.host, state), site.breaker == state) for state in BREAKER_STATES]
    yield _gauges("ouspark_site_breaker_state", ["site", "state"], states)
    for name, value in (
        ("ouspark_site_up_or_down_since_timestamp_seconds", site.since),
        ("ouspark_site_seen_timestamp_seconds", site.seen_at),
        ("ouspark_site_concurrency_limit", site.at_once),
        ("ouspark_site_scraping", site.alive),
    ):
        yield _gauges(name, ["site"], [((site.host,), value)])


def _gauge(name: str, value: float | datetime | None) -> Iterator[Metric]:
    """Yield a gauge without labels; nothing if its value is unknown."""
    if value is not None:
        yield _gauges(name, [], [((), value)])


def _gauges(name: str, labels: Sequence[str], samples: Samples) -> Metric:
    return _add_samples(GaugeMetricFamily(name, MEANINGS[name], labels=labels), samples)


def _counters(name: str, labels: Sequence[str], samples: Samples) -> Metric:
    return _add_samples(CounterMetricFamily(name, MEANINGS[name], labels=labels), samples)


def _add_samples(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    """Add the known values, times as seconds since 1970."""
    for labels, value in samples:
        if isinstance(value, datetime):
            family.add_metric(labels, value.timestamp())
        elif value is not None:
            family.add_metric(labels, float(value))
    return family
