"""Gathers the facts that alert rules are evaluated against, from Dagster, databases and cache.

A fact that cannot be read stays None, with the reason in `unavailable`; the other facts are used
all the same. Dagster's records are read in `dagster_facts.py`, databases and cache in
`operations/alerts/database_facts.py`.
"""

from collections.abc import Callable, Mapping, Sequence
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
    fetch_scrape_outages,
    fetch_stage_durations,
    fetch_student_counts,
    find_cache_freshness,
    find_listed_releases,
    find_live_releases,
)
from ouspark_assets.operations.alerts.facts import CommandOutcome, Facts, VolumeComparison, Volumes
from ouspark_assets.operations.alerts.formatting import to_one_line
from ouspark_assets.orchestration.automation.dagster_facts import (
    read_failed_checks,
    read_failed_runs,
    read_index_outages,
    read_latest_scrapes,
)
from ouspark_assets.orchestration.checks.scrape import find_same_session_a_year_before
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment, Production
from ouspark_assets.orchestration.storage.instance_storage import storage_errors
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.connection import first_line, read_only_snapshot
from ouspark_assets.warehouse.core.frames import read_table

# A tick has a minute for everything, so that no single query may take long.
QUERY_TIMEOUT = "5s"
Fact = TypeVar("Fact")


@dataclass(frozen=True)
class FactSources:
    """Where facts are read from."""

    instance: dg.DagsterInstance
    # The checks of the graph, if it is known: Dagster also remembers checks of earlier graphs.
    checks: Sequence[dg.AssetCheckKey] | None
    development: Development = field(default_factory=Development)
    production: Production = field(default_factory=Production)
    cache_server: CacheServer = field(default_factory=CacheServer)
    environment: Environment = field(default_factory=Environment)


def gather_facts(sources: FactSources, command: CommandOutcome | None = None) -> Facts:
    """Return all facts that can be read, as of the beginning of this call."""
    sla = timedelta(minutes=sources.environment.settings.automation.sla_minutes)
    facts = Facts(datetime.now(UTC), sla=sla, command=command)
    unavailable: list[str] = []
    facts = _try(lambda: _add_dagster_facts(sources, facts), unavailable) or facts
    production = _try(lambda: _read_production(sources, facts.at), unavailable)
    served = _try(lambda: _read_cache(sources), unavailable)
    if production and served:
        facts = replace(facts, cache=find_cache_freshness(production, served))
    facts = (
        _try(lambda: _add_development_facts(sources, facts, production, served), unavailable)
        or facts
    )
    return replace(facts, unavailable=tuple(unavailable))


def _try(read: Callable[[], Fact], unavailable: list[str]) -> Fact | None:
    """Return what `read` returns; None, and add the reason, if a server is unreachable."""
    try:
        return read()
    except _unreachable_errors() as error:
        reason = first_line(error) if isinstance(error, psycopg.Error) else str(error)
        unavailable.append(to_one_line(reason))
        return None


def _add_dagster_facts(sources: FactSources, facts: Facts) -> Facts:
    instance = sources.instance
    checks = None if sources.checks is None else read_failed_checks(instance, sources.checks)
    return replace(
        facts,
        failed_runs=read_failed_runs(instance),
        failed_checks=checks,
        scrapes=read_latest_scrapes(instance),
        index_outages=read_index_outages(instance, facts.at),
    )


def _read_production(sources: FactSources, at: datetime) -> ProductionState:
    with (
        sources.production.connected("alerts", wait=False) as production,
        read_only_snapshot(production, QUERY_TIMEOUT),
    ):
        return ProductionState.read(production, at)


def _read_cache(sources: FactSources) -> ServedGeneration:
    with sources.cache_server.client() as client:
        return ServedGeneration.read(client)


def _add_development_facts(
    sources: FactSources,
    facts: Facts,
    production: ProductionState | None,
    served: ServedGeneration | None,
) -> Facts:
    """Return the facts with those of the development database, and those that compare with it."""
    with (
        sources.development.connected("alerts", wait=False) as development,
        read_only_snapshot(development, QUERY_TIMEOUT),
    ):
        index = read_table(development, RELEASE_INDEX)
        students = fetch_student_counts(development)
        volumes = Volumes(
            compare_with_previous_run(development), _compare_with_a_year_before(index, students)
        )
        facts = replace(
            facts,
            stage_durations=fetch_stage_durations(development),
            quarantined=fetch_open_quarantine(development),
            scrape_outages=fetch_scrape_outages(development),
            volumes=volumes,
        )
        if production:
            facts = replace(facts, publication=fetch_publication_freshness(development, production))
    if served:
        facts = replace(facts, listed_releases=find_listed_releases(index, served))
    if served and production and facts.listed_releases is not None:
        live = find_live_releases(facts.listed_releases, production, served, students)
        facts = replace(facts, live_releases=live)
    return facts


def _compare_with_a_year_before(
    index: pl.DataFrame, students: Mapping[str, tuple[int, datetime]]
) -> list[VolumeComparison]:
    """Compare the students of the selected releases with the same session a year before."""
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


def _unreachable_errors() -> tuple[type[Exception], ...]:
    return (OuSparkError, psycopg.Error, *storage_errors())
