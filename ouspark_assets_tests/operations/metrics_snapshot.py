"""A snapshot with every fact, and with names that need escaping."""

from datetime import UTC, datetime

from ouspark_assets.operations.metrics import Snapshot
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

NOON = datetime(2025, 4, 2, 12, tzinfo=UTC)
WITHIN = [min(number, 4) for number in range(len(BUCKETS))]


def stage(asset: str, **counts: int) -> StageCounts:
    defaults = {
        "succeeded": 3, "failed": 1, "died": 1, "running": 1, "dead": 0, "rows_in": 10,
        "rows_written": 9, "rows_changed": 8, "rows_quarantined": 1,
    }  # fmt: skip
    return StageCounts(asset, **{**defaults, **counts}, within=WITHIN, ended=4, seconds=12.5)


def complete_snapshot() -> Snapshot:
    return Snapshot(
        history=OperationalCounts(
            stages=[stage("clean.pages"), stage('odd "name"\\with\nlines', running=0, dead=2)],
            latest=[
                LatestStage("clean.pages", "20250402", True, NOON, 2.5, 100),
                LatestStage("analytics.standings", None, False, NOON, None, None),
            ],
            scrapes=[ScrapeCounts("20250402", "site", 40, 30, 8, 1, 1, 5, 9000, 2)],
            sites=[
                SiteHealth("site", "half-open", NOON, "timeout", NOON, 4, 32, True, True, NOON),
                SiteHealth("older", "closed", NOON, None, None, 4, 32, False, False, NOON),
            ],
            quarantine=[OpenRecords("marks", 7)],
        ),
        publication=PublicationState(12, NOON, behind=True, held="on hold", problem=None),
        cache=CacheState("12-ab", 12, NOON, behind=False, problem=None),
        complete_releases=5,
        incomplete_releases=1,
        failed_checks=2,
    )
