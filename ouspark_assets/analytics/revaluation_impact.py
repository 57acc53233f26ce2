"""What revaluation changed: per row of a revaluation page the grade, SGPA and CGPA it made.

Before: all attempts ordered before the release. After: including it. Both are computed by the
same rules as everything else.
"""

import polars as pl

from ouspark_assets.analytics.keys import (
    and_number,
    and_semester,
    number_in,
    ticket_number,
    without_semester,
)
from ouspark_assets.analytics.semester_gpas import semester_sums, sgpa
from ouspark_assets.analytics.standings import counting_attempts
from ouspark_assets.analytics.student_cgpas import cgpas
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.schemas.analytics import REVALUATION_IMPACT


def revaluation_impact(attempts: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """One row per subject row of every revaluation page."""
    numbered = attempts.with_columns(
        ticket_number().alias("ticket"), number_in(attempts["subject_code"]).alias("subject")
    )
    rows = _revaluation_rows(numbered, release_index)
    history = _histories(numbered, rows)
    before = _standings(history.filter(pl.col("release_order") < pl.col("revaluation_order")))
    after = _standings(history)
    changed = (
        rows.join(_grades(before, "before"), on=["page", "subject"], how="left")
        .join(_grades(after, "after"), on=["page", "subject"], how="left")
        .with_columns((pl.col("points_after") - pl.col("points_before")).alias("points_change"))
        .with_columns(_outcome().alias("outcome"))
    )
    changed = _with_gpas(_with_gpas(changed, before, "before"), after, "after")
    return REVALUATION_IMPACT.conform(changed).sort(REVALUATION_IMPACT.key)


def _revaluation_rows(attempts: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """The subject rows of revaluation pages; `page` numbers the pages."""
    revaluations = release_index.filter(pl.col("exam_kind") == ExamKind.REVALUATION.value).select(
        "release", "revises"
    )
    return (
        attempts.join(revaluations, on="release")
        .select(
            *("release", "revises", "release_order", "hall_ticket", "subject_code"),
            *("semester", "ticket", "subject"),
        )
        .with_columns(
            and_number(pl.col("ticket"), number_in(attempts["release"]))
            .rank("dense")
            .cast(pl.UInt64)
            .alias("page")
        )
    )


def _histories(attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """All attempts of the student of each page, up to the page's release."""
    pages = rows.select("page", "ticket", pl.col("release_order").alias("revaluation_order"))
    known = ("release_order", "ticket", "subject", "semester", "credits", "grade", "points",
             "state", "sitting")  # fmt: skip
    return (
        attempts.lazy()
        .select(known)
        .join(pages.unique().lazy(), on="ticket")
        .filter(pl.col("release_order") <= pl.col("revaluation_order"))
        .collect(engine="streaming")
    )


def _standings(history: pl.DataFrame) -> pl.DataFrame:
    """What counts of each subject, per page."""
    chosen = counting_attempts(history, and_number(pl.col("page"), pl.col("subject")))
    return history.select(
        pl.col("page", "subject", "credits", "grade", "points", "state").gather(chosen["row"])
    ).with_columns(chosen["semester"])


def _grades(standings: pl.DataFrame, moment: str) -> pl.DataFrame:
    return standings.select("page", "subject", pl.col("grade", "points").name.suffix(f"_{moment}"))


def _with_gpas(rows: pl.DataFrame, standings: pl.DataFrame, moment: str) -> pl.DataFrame:
    sums = semester_sums(standings, and_semester(pl.col("page")))
    sgpas = sums.select("key", sgpa().alias(f"sgpa_{moment}"))
    of_students = cgpas(sums, without_semester("key")).select(
        pl.col("key").alias("page"), pl.col("cgpa").alias(f"cgpa_{moment}")
    )
    return rows.join(sgpas, left_on=and_semester(pl.col("page")), right_on="key", how="left").join(
        of_students, on="page", how="left"
    )


def _outcome() -> pl.Expr:
    return (
        pl.when(pl.col("points_after").is_null())
        .then(pl.lit("undecided"))
        .when(pl.col("points_change").is_null())
        .then(pl.lit("decided"))
        .when(pl.col("points_change") > 0)
        .then(pl.lit("raised"))
        .otherwise(pl.lit("unchanged"))
    )
