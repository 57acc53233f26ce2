"""Revaluation impact: grade, SGPA and CGPA before and after each row of a revaluation release.

"Before" is computed from all attempts ordered before the release, "after" from these and the
release itself, both by the rules of the standings and GPAs. A row has the code that is printed; its
grades are those of the subject, over all equivalent codes.
"""

import polars as pl

from ouspark_assets.analytics.packed_keys import (
    drop_semester,
    pack_semester,
    pack_text,
    text_number,
    ticket_number,
)
from ouspark_assets.analytics.semester_gpas import sgpa, sum_semesters
from ouspark_assets.analytics.standings import find_effective_attempts
from ouspark_assets.analytics.student_cgpas import compute_cgpas
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.schemas.analytics import REVALUATION_IMPACT


def compute_revaluation_impact(attempts: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """Return one row per marks row of every revaluation release."""
    numbered = attempts.with_columns(
        ticket_number().alias("ticket"), text_number(attempts["counts_as"]).alias("subject")
    )
    rows = _revaluation_rows(numbered, release_index)
    history = _histories(numbered, rows)
    earlier = history.filter(pl.col("release_order") < pl.col("revaluation_order"))
    after = _compute_standings(history)
    rows = rows.join(after.select("page", "subject", "semester"), on=["page", "subject"])
    impact = _join_effects(
        _join_effects(rows, _compute_standings(earlier), "before"), after, "after"
    )
    change = pl.col("points_after") - pl.col("points_before")
    impact = impact.with_columns(change.alias("points_change")).with_columns(
        pl.when(pl.col("points_after").is_null())
        .then(pl.lit("undecided"))
        .when(pl.col("points_change").is_null())
        .then(pl.lit("decided"))
        .when(pl.col("points_change") > 0)
        .then(pl.lit("raised"))
        .otherwise(pl.lit("unchanged"))
        .alias("outcome")
    )
    return REVALUATION_IMPACT.conform(impact).sort(REVALUATION_IMPACT.key)


def _revaluation_rows(attempts: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """Return the marks rows of the revaluation releases; `page` numbers the pages."""
    revaluations = release_index.filter(pl.col("exam_kind") == ExamKind.REVALUATION.value).select(
        "release", "revises"
    )
    page = pack_text(pl.col("ticket"), text_number(attempts["release"]))
    return (
        attempts.join(revaluations, on="release")
        .select(
            *("release", "revises", "release_order", "hall_ticket", "subject_code"),
            *("ticket", "subject"),
        )
        .with_columns(page.rank("dense").cast(pl.UInt64).alias("page"))
    )


def _histories(attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return, for each page, all attempts of its student up to the page's release."""
    pages = rows.select("page", "ticket", pl.col("release_order").alias("revaluation_order"))
    columns = ("release_order", "attempt_order", "ticket", "subject", "semester", "credits",
               "grade", "points", "state", "sitting")  # fmt: skip
    return (
        attempts.lazy()
        .select(columns)
        .join(pages.unique().lazy(), on="ticket")
        .filter(pl.col("release_order") <= pl.col("revaluation_order"))
        .collect(engine="streaming")
    )


def _compute_standings(history: pl.DataFrame) -> pl.DataFrame:
    """Return the standing of each page's student in each subject that follows from the attempts."""
    effective = find_effective_attempts(history, pack_text(pl.col("page"), pl.col("subject")))
    return history.select(
        pl.col("page", "subject", "credits", "grade", "points", "state").gather(effective["row"])
    ).with_columns(effective["semester"])


def _join_effects(rows: pl.DataFrame, standings: pl.DataFrame, suffix: str) -> pl.DataFrame:
    """Return the rows with the grade, points, SGPA and CGPA that follow from the standings."""
    grades = standings.select(
        "page", "subject", pl.col("grade", "points").name.suffix(f"_{suffix}")
    )
    semester = pack_semester(pl.col("page"))
    sums = sum_semesters(standings, semester)
    sgpas = sums.select("key", sgpa().alias(f"sgpa_{suffix}"))
    cgpas = compute_cgpas(sums, drop_semester("key")).select(
        pl.col("key").alias("page"), pl.col("cgpa").alias(f"cgpa_{suffix}")
    )
    return (
        rows.join(grades, on=["page", "subject"], how="left")
        .join(sgpas, left_on=semester, right_on="key", how="left")
        .join(cgpas, on="page", how="left")
    )
