"""Checks of a scrape: few failed answers, known sentences, as many students as a year before.

Evaluated by the asset that scrapes, because they are about the releases of its run.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.metadata import show_first_rows
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive, count_sentences
from ouspark_assets.sources.results_site.confirmation import HOLDING_CAUSES
from ouspark_assets.sources.results_site.outcomes import Outcome, find_rule
from ouspark_assets.sources.results_site.sentence_rules import read_sentence_rules

FAILED_ANSWERS_CHECK = "few_answers_failed"
SENTENCES_CHECK = "answers_without_result_are_known"
STUDENT_COUNT_CHECK = "as_many_students_as_a_year_before"
MAX_MONTH_GAP = 1
MAX_SENTENCES_SHOWN = 20
# Those of which the site says more than that there is no such student.
STUDENTS = (Outcome.FOUND.value, Outcome.NO_CHANGE.value, Outcome.NO_RESULT.value)

SCRAPE_CHECKS = [
    dg.AssetCheckSpec(
        FAILED_ANSWERS_CHECK,
        asset=RESULT_PAGES,
        blocking=True,
        description="The site failed to answer few tickets: at most OUSPARK_SITE_MOST_FAILED, and"
        " none whose answer without a result may be about the site.",
    ),
    dg.AssetCheckSpec(
        SENTENCES_CHECK,
        asset=RESULT_PAGES,
        description="No sentence that the site gives instead of a result, and that is not listed"
        " in a file of sentences, stands for more than OUSPARK_SITE_MOST_NEW_SENTENCE of a"
        " release's students.",
    ),
    dg.AssetCheckSpec(
        STUDENT_COUNT_CHECK,
        asset=RESULT_PAGES,
        description="About as many students were found as in the same session a year before.",
    ),
]


def scrape_check_results(
    archive: PageArchive, index: pl.DataFrame, releases: Sequence[str], settings: SiteSettings
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of the checks for the releases that were scraped."""
    outcomes = {release: _count_outcomes(archive, release) for release in releases}
    with_failures = [
        f"{release}: {counts.get('failed', 0)} of {sum(counts.values())} tickets failed"
        for release, counts in outcomes.items()
        if counts.get("failed", 0) > settings.site_most_failed * max(sum(counts.values()), 1)
    ]
    with_failures += [
        line for release in releases for line in _find_doubtful_answers(archive, release)
    ]
    yield dg.AssetCheckResult(
        passed=not with_failures,
        check_name=FAILED_ANSWERS_CHECK,
        asset_key=RESULT_PAGES,
        metadata={"releases": with_failures, "maximum allowed": settings.site_most_failed},
    )
    yield _evaluate_sentences(archive, outcomes, settings)
    deviations = [
        line
        for release, counts in outcomes.items()
        for line in _compare_with_a_year_before(archive, index, release, counts, settings)
    ]
    yield dg.AssetCheckResult(
        passed=not deviations,
        check_name=STUDENT_COUNT_CHECK,
        asset_key=RESULT_PAGES,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"releases": deviations, "maximum allowed": settings.site_most_volume_change},
    )


def find_same_session_a_year_before(index: pl.DataFrame, release: str) -> list[str]:
    """Return the releases of the same course and kind whose session was a year before."""
    (row,) = index.filter(pl.col("release") == release).iter_rows(named=True)
    if row["session_year"] is None or row["session_month"] is None:
        return []
    return index.filter(
        pl.col("course") == row["course"],
        pl.col("exam_kind") == row["exam_kind"],
        pl.col("session_year") == row["session_year"] - 1,
        (pl.col("session_month") - row["session_month"]).abs() <= MAX_MONTH_GAP,
    )["release"].to_list()


def _find_doubtful_answers(archive: PageArchive, release: str) -> Iterator[str]:
    """Yield the answers without a result that hold a release back, however few they are."""
    causes = archive.answers(release).filter(pl.col("outcome") == Outcome.FAILED.value)["cause"]
    for cause in HOLDING_CAUSES:
        if tickets := (causes == cause.value).sum():
            yield f"{release}: {tickets} tickets failed with the cause {cause.value}"


def _evaluate_sentences(
    archive: PageArchive, outcomes: Mapping[str, Mapping[str, int]], settings: SiteSettings
) -> dg.AssetCheckResult:
    rules = read_sentence_rules(settings.site_sentences)
    sentences = [
        (release, sentence, tickets, tickets / sum(counts.get(name, 0) for name in STUDENTS))
        for release, counts in outcomes.items()
        for sentence, tickets in count_sentences(archive.answers(release)).items()
    ]
    new = [
        f'{release}: "{sentence}" for {tickets} hall tickets ({share:.1%})'
        for release, sentence, tickets, share in sentences
        if share > settings.site_most_new_sentence and find_rule(rules, sentence) is None
    ]
    shown = pl.DataFrame(
        [(release, sentence, tickets) for release, sentence, tickets, _ in sentences],
        schema=["release", "sentence", "hall tickets"],
        orient="row",
    )
    return dg.AssetCheckResult(
        passed=not new,
        check_name=SENTENCES_CHECK,
        asset_key=RESULT_PAGES,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "new sentences": new,
            "maximum allowed": settings.site_most_new_sentence,
            **({"sentences": show_first_rows(shown, MAX_SENTENCES_SHOWN)} if sentences else {}),
        },
    )


def _compare_with_a_year_before(
    archive: PageArchive,
    index: pl.DataFrame,
    release: str,
    counts: dict[str, int],
    settings: SiteSettings,
) -> Iterator[str]:
    found = counts.get("found", 0)
    for other in find_same_session_a_year_before(index, release):
        before = _count_outcomes(archive, other).get("found", 0)
        if before and abs(found - before) > settings.site_most_volume_change * before:
            yield f"{release}: {found} students found, {before} in {other} a year before"


def _count_outcomes(archive: PageArchive, release: str) -> dict[str, int]:
    counts = archive.answers(release).group_by("outcome").len("n")
    return dict(counts.select("outcome", "n").iter_rows())
