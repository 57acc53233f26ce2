"""Gathering the facts that alert rules are held against, from everywhere they are known.

What can't be reached is not known, and says why; the rest is judged all the same. What Dagster
knows is `dagster_facts.py`, what databases and cache know is read in `alerts/`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import dagster as dg
import polars as pl
import psycopg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.alerts.database_facts import (
    ProductionState,
    ServedGeneration,
    compare_with_previous_run,
    fetch_open_quarantine,
    fetch_publication_freshness,
    fetch_stage_durations,
    fetch_student_counts,
    find_cache_freshness,
    find_listed_releases,
    find_live_releases,
)
from ouspark_assets.operations.alerts.facts import CommandOutcome, Facts, VolumeComparison, Volumes
from ouspark_assets.operations.alerts.formatting import to_one_line
from ouspark_assets.orchestration.automation.dagster_facts import (
    failed_checks,
    failed_runs,
    scrapes,
)
from ouspark_assets.orchestration.checks.scrape import find_same_session_a_year_before
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment, Production
from ouspark_assets.orchestration.storage.instance_storage import storage_errors
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.connection import Connection, first_line
from ouspark_assets.warehouse.core.frames import read_table

Known = TypeVar("Known")


@dataclass(frozen=True)
class Sources:
    """Where facts come from."""

    instance: dg.DagsterInstance
    # The checks of the graph, if it is known: Dagster remembers those of former graphs too.
    checks: Sequence[dg.AssetCheckKey] | None
    development: Development = field(default_factory=Development)
    production: Production = field(default_factory=Production)
    cache_server: CacheServer = field(default_factory=CacheServer)
    environment: Environment = field(default_factory=Environment)


def gather(sources: Sources, command: CommandOutcome | None = None) -> Facts:
    """Everything that is known now; the moment is that of the beginning."""
    sla = timedelta(minutes=sources.environment.settings.automation.sla_minutes)
    facts = Facts(datetime.now(UTC), sla=sla, command=command)
    unknown: list[str] = []
    facts = _attempt(lambda: _of_dagster(sources, facts), unknown) or facts
    published = _attempt(lambda: _published(sources, facts.at), unknown)
    living = _attempt(lambda: _living(sources), unknown)
    if published and living:
        facts = replace(facts, cache=find_cache_freshness(published, living))
    readers = _Readers(published, living)
    facts = _attempt(lambda: _developed(sources, facts, readers), unknown) or facts
    return replace(facts, unavailable=tuple(unknown))


@dataclass(frozen=True)
class _Readers:
    """What readers have, as far as it is known."""

    published: ProductionState | None
    living: ServedGeneration | None


def _attempt(read: Callable[[], Known], unknown: list[str]) -> Known | None:
    """What is read; None, and the reason, when it can't be."""
    try:
        return read()
    except _unreachable() as error:
        said = first_line(error) if isinstance(error, psycopg.Error) else str(error)
        unknown.append(to_one_line(said))
        return None


def _of_dagster(sources: Sources, facts: Facts) -> Facts:
    instance = sources.instance
    checks = None if sources.checks is None else failed_checks(instance, sources.checks)
    return replace(
        facts,
        failed_runs=failed_runs(instance),
        failed_checks=checks,
        scrapes=scrapes(instance),
    )


def _published(sources: Sources, at: datetime) -> ProductionState:
    with sources.production.connected("alerts") as production, _briefly(production):
        return ProductionState.read(production, at)


def _living(sources: Sources) -> ServedGeneration:
    with sources.cache_server.client() as client:
        return ServedGeneration.read(client)


def _developed(sources: Sources, facts: Facts, readers: _Readers) -> Facts:
    with sources.development.connected("alerts") as development, _briefly(development):
        index = read_table(development, RELEASE_INDEX)
        students = fetch_student_counts(development)
        volumes = Volumes(
            compare_with_previous_run(development), _against_a_year_before(index, students)
        )
        facts = replace(
            facts,
            stage_durations=fetch_stage_durations(development),
            quarantined=fetch_open_quarantine(development),
            volumes=volumes,
        )
        published, living = readers.published, readers.living
        if published:
            facts = replace(facts, publication=fetch_publication_freshness(development, published))
    if living:
        facts = replace(facts, listed_releases=find_listed_releases(index, living))
    if living and published and facts.listed_releases is not None:
        live = find_live_releases(facts.listed_releases, published, living, students)
        facts = replace(facts, live_releases=live)
    return facts


def _against_a_year_before(
    index: pl.DataFrame, students: Mapping[str, tuple[int, datetime]]
) -> list[VolumeComparison]:
    """The students of the last year's releases, beside the same session a year before."""
    return [
        VolumeComparison(
            measure=f"students of {release}",
            asset=RESULT_PAGES.to_user_string(),
            release=release,
            count=students[release][0],
            baseline_count=students[before][0],
            baseline=f"in {before} a year before",
            at=students[release][1],
        )
        for release in select_releases(index)
        for before in find_same_session_a_year_before(index, release)
        if release in students and students.get(before, (0,))[0]
    ]


@contextmanager
def _briefly(connection: Connection) -> Iterator[None]:
    """One look, which nothing may hold up: a sensor has a minute for all it does."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL statement_timeout = '5s'")
        yield


def _unreachable() -> tuple[type[Exception], ...]:
    return (OuSparkError, psycopg.Error, *storage_errors())
