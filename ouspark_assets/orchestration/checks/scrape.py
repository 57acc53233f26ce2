"""Checks of what a scrape brought: few answers failed, and about as many students as a year before.

They are evaluated by the asset that scrapes, since they are about the releases of its run.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive

FEW_FAILED = "few_answers_failed"
AS_MANY = "as_many_students_as_a_year_before"
LARGEST_MONTH_GAP = 1

SCRAPE_CHECKS = [
    dg.AssetCheckSpec(
        FEW_FAILED,
        asset=RESULT_PAGES,
        blocking=True,
        description="The share of tickets that the site failed to answer is below the setting.",
    ),
    dg.AssetCheckSpec(
        AS_MANY,
        asset=RESULT_PAGES,
        description="Students found are about as many as in the same session a year before.",
    ),
]


def scrape_check_results(
    archive: PageArchive, index: pl.DataFrame, releases: Sequence[str], settings: SiteSettings
) -> Iterator[dg.AssetCheckResult]:
    """What the checks say of the releases that were scraped."""
    outcomes = {release: _outcomes(archive, release) for release in releases}
    many = [
        f"{release}: {counts.get('failed', 0)} of {sum(counts.values())} tickets failed"
        for release, counts in outcomes.items()
        if counts.get("failed", 0) > settings.site_most_failed * max(sum(counts.values()), 1)
    ]
    yield dg.AssetCheckResult(
        passed=not many,
        check_name=FEW_FAILED,
        asset_key=RESULT_PAGES,
        metadata={"releases": many, "most allowed": settings.site_most_failed},
    )
    odd = [
        line
        for release, counts in outcomes.items()
        for line in _unlike_a_year_before(archive, index, release, counts, settings)
    ]
    yield dg.AssetCheckResult(
        passed=not odd,
        check_name=AS_MANY,
        asset_key=RESULT_PAGES,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"releases": odd, "most allowed": settings.site_most_volume_change},
    )


def same_session_a_year_before(index: pl.DataFrame, release: str) -> list[str]:
    """The releases of the same kind whose session was a year before this one's."""
    (row,) = index.filter(pl.col("release") == release).iter_rows(named=True)
    if row["session_year"] is None or row["session_month"] is None:
        return []
    return index.filter(
        pl.col("course") == row["course"],
        pl.col("exam_kind") == row["exam_kind"],
        pl.col("session_year") == row["session_year"] - 1,
        (pl.col("session_month") - row["session_month"]).abs() <= LARGEST_MONTH_GAP,
    )["release"].to_list()


def _unlike_a_year_before(
    archive: PageArchive,
    index: pl.DataFrame,
    release: str,
    counts: dict[str, int],
    settings: SiteSettings,
) -> Iterator[str]:
    found = counts.get("found", 0)
    for other in same_session_a_year_before(index, release):
        before = _outcomes(archive, other).get("found", 0)
        if before and abs(found - before) > settings.site_most_volume_change * before:
            yield f"{release}: {found} students found, {before} in {other} a year before"


def _outcomes(archive: PageArchive, release: str) -> dict[str, int]:
    counts = archive.answers(release).group_by("outcome").len("n")
    return dict(counts.select("outcome", "n").iter_rows())
