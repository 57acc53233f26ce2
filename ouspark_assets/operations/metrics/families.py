"""Which metrics there are: their names, their meaning, their labels, and their values.

Labels are bounded: stages, releases (some sixty), outcomes, tables. Times are moments, not ages,
so that they stay true in a file that is read later.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from ouspark_assets.operations.metrics.reading import Reading
from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets.warehouse.records.counters import (
    BUCKETS,
    History,
    LatestStage,
    OpenRecords,
    ScrapeCounts,
    StageCounts,
)
from ouspark_assets.warehouse.records.site_health import SiteHealth

BREAKER_STATES = ("closed", "open", "half-open")
ROWS = {
    "read": "Rows that stages read (requests, for the scrape)",
    "written": "Rows of their tables after stages wrote them (students found, for the scrape)",
    "changed": "Rows that stages added, changed or removed",
    "quarantined": "Records in quarantine when stages ended, summed over their runs",
}


def families(reading: Reading) -> Iterator[Metric]:
    """Every metric of which something is known."""
    known = reading.history is not None
    yield _gauge("ouspark_up", "Whether the development database could be read", float(known))
    if reading.history is not None:
        yield from _history(reading.history)
    if reading.complete_releases is not None and reading.incomplete_releases is not None:
        yield _releases(reading.complete_releases, reading.incomplete_releases)
    if reading.failed_checks is not None:
        yield _gauge(
            "ouspark_failed_checks",
            "Blocking checks whose latest result is a failure, which holds back publishing",
            reading.failed_checks,
        )
    if reading.publication is not None:
        yield from _publication(reading.publication)
    if reading.cache is not None:
        yield from _cache(reading.cache)


def _history(history: History) -> Iterator[Metric]:
    yield from _runs(history.stages)
    yield from _rows(history.stages)
    yield _durations(history.stages)
    yield from _latest(history.latest)
    yield from _scrapes(history.scrapes)
    # The one that was seen last: others are those of yesterday's stand-in.
    yield from _site(history.sites[0]) if history.sites else ()
    yield _quarantine(history.quarantine)


def _runs(stages: Sequence[StageCounts]) -> Iterator[Metric]:
    runs = CounterMetricFamily(
        "ouspark_stage_runs",
        "Runs of a stage by how they ended; one that died was killed",
        labels=["stage", "outcome"],
    )
    unfinished = GaugeMetricFamily(
        "ouspark_unfinished_stages",
        "Stages without an end: at work now, or dead and not closed yet by a next run",
        labels=["state"],
    )
    unfinished.add_metric(["at_work"], sum(stage.at_work for stage in stages))
    unfinished.add_metric(["dead"], sum(stage.dead for stage in stages))
    for stage in stages:
        runs.add_metric([stage.asset, "succeeded"], stage.succeeded)
        runs.add_metric([stage.asset, "failed"], stage.failed)
        runs.add_metric([stage.asset, "died"], stage.died)
    yield from (runs, unfinished)


def _rows(stages: Iterable[StageCounts]) -> Iterator[Metric]:
    counted = {
        kind: CounterMetricFamily(f"ouspark_stage_{kind}_rows", meaning, labels=["stage"])
        for kind, meaning in ROWS.items()
    }
    for stage in stages:
        counted["read"].add_metric([stage.asset], stage.rows_in)
        counted["written"].add_metric([stage.asset], stage.rows_written)
        counted["changed"].add_metric([stage.asset], stage.rows_changed)
        counted["quarantined"].add_metric([stage.asset], stage.rows_quarantined)
    yield from counted.values()


def _durations(stages: Iterable[StageCounts]) -> Metric:
    family = HistogramMetricFamily(
        "ouspark_stage_duration_seconds",
        "How long a stage took, whether it succeeded or failed",
        labels=["stage"],
    )
    for stage in stages:
        bounds = [str(bound) for bound in BUCKETS]
        buckets = [*zip(bounds, stage.within, strict=True), ("+Inf", stage.ended)]
        family.add_metric([stage.asset], buckets, stage.seconds)
    return family


def _latest(latest: Iterable[LatestStage]) -> Iterator[Metric]:
    def family(name: str, meaning: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"ouspark_stage_last_{name}", meaning, labels=["stage", "release"])

    success = family("success", "Whether the latest run of a stage and release succeeded")
    ended = family("end_timestamp_seconds", "When it ended")
    seconds = family("duration_seconds", "How long it took")
    rows = family("rows", "Rows that it read, or wrote when it reads none")
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
    answers = family("answers", "Hall tickets by what the site answered", "outcome")
    retries = family("retries", "Hall tickets that were asked once more after trouble")
    received = family("received_bytes", "Bytes of answers")
    outages = family("outages", "How often the breaker opened because the site was down")
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
        "1 for the state that the breaker of the site is in, as its latest scrape saw it",
        labels=["site", "state"],
    )
    for state in BREAKER_STATES:
        breaker.add_metric([site.host, state], float(site.breaker == state))
    yield breaker
    for name, meaning, value in (
        ("site_up_or_down_since_timestamp_seconds", "Since when it is so", _moment(site.since)),
        ("site_seen_timestamp_seconds", "When a scrape looked last", _moment(site.seen_at)),
        ("site_concurrency_limit", "Requests that may be under way at once", site.at_once),
        ("site_scraping", "Whether a scrape is at work on it now", float(site.alive)),
    ):
        family = GaugeMetricFamily(f"ouspark_{name}", meaning, labels=["site"])
        family.add_metric([site.host], value)
        yield family


def _quarantine(tables: Iterable[OpenRecords]) -> Metric:
    family = GaugeMetricFamily(
        "ouspark_quarantine_open_records",
        "Records in open quarantine by the table they were meant for",
        labels=["table"],
    )
    for table in tables:
        family.add_metric([table.table_name], table.records)
    return family


def _releases(complete: int, incomplete: int) -> Metric:
    family = GaugeMetricFamily(
        "ouspark_releases",
        "Releases that runs look at by default, by whether every hall ticket had its answer",
        labels=["state"],
    )
    family.add_metric(["complete"], complete)
    family.add_metric(["incomplete"], incomplete)
    return family


def _publication(publication: PublicationState) -> Iterator[Metric]:
    up = publication.problem is None
    yield _gauge("ouspark_production_up", "Whether production could be read", float(up))
    if not up:
        return
    yield _gauge(
        "ouspark_publication_number", "The newest publication; 0 for none", publication.number or 0
    )
    if publication.published_at is not None:
        yield _gauge(
            "ouspark_publication_timestamp_seconds",
            "When it was published",
            _moment(publication.published_at),
        )
    yield _gauge(
        "ouspark_publication_behind",
        "Whether development has changed since",
        float(publication.behind),
    )
    yield _gauge(
        "ouspark_publication_held",
        "Whether publishing waits for somebody after a rollback",
        float(publication.held is not None),
    )


def _cache(cache: CacheState) -> Iterator[Metric]:
    up = cache.problem is None
    yield _gauge("ouspark_cache_up", "Whether the cache could be read", float(up))
    if not up:
        return
    yield _gauge(
        "ouspark_cache_publication_number",
        "The publication that readers are given; 0 for none",
        cache.publication or 0,
    )
    if cache.built_at is not None:
        yield _gauge(
            "ouspark_cache_built_timestamp_seconds",
            "When its generation was built",
            _moment(cache.built_at),
        )
    yield _gauge(
        "ouspark_cache_behind",
        "Whether it is of an older publication than the newest",
        float(cache.behind),
    )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _moment(moment: datetime) -> float:
    return moment.timestamp()
