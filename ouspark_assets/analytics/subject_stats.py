"""Subject statistics: per main release how a subject went, and what revaluation changed of it.

Appeared = passed + failed; absent and pending stand apart. Who applied for revaluation is not
knowable, so its rates are per row on a page that changed.
"""

import polars as pl

from ouspark_assets.analytics.json_text import counts_as_json
from ouspark_assets.analytics.keys import and_number, number_in
from ouspark_assets.domain.grades import (
    FAILED_GRADE,
    PASSING_GRADES,
    State,
    points_expression,
    state_expression,
)
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.domain.rounding import HUNDRED, percent_half_up, ratio_half_up
from ouspark_assets.schemas.analytics import SUBJECT_STATS

GRADES = (*PASSING_GRADES, FAILED_GRADE)
REVALUATION = ("revalued", "revaluation_raised", "revaluation_cleared")


def subject_stats(
    marks: pl.DataFrame,
    release_index: pl.DataFrame,
    subjects: pl.DataFrame,
    revaluation_impact: pl.DataFrame,
) -> pl.DataFrame:
    """One row per subject and main release; `subjects` tells theory from laboratory."""
    by = SUBJECT_STATS.key
    main = release_index.filter(pl.col("exam_kind") == ExamKind.MAIN.value).select("release")
    counts = _counts(marks).join(main, on="release", how="semi")
    return SUBJECT_STATS.conform(
        _states(counts)
        .join(_grades(counts), on=by)
        .join(subjects.select("subject_code", "kind"), on="subject_code", how="left")
        .join(_revaluations(revaluation_impact), on=by, how="left")
        .with_columns(pl.col(REVALUATION).fill_null(0))
        .with_columns(
            percent_half_up(pl.col("passed"), pl.col("appeared")).alias("pass_percent"),
            percent_half_up(pl.col("revaluation_raised"), pl.col("revalued")).alias(
                "raised_percent"
            ),
        )
    ).sort(by)


def _counts(marks: pl.DataFrame) -> pl.DataFrame:
    """How many rows there are of each subject, release and grade."""
    key = and_number(
        and_number(number_in(marks["subject_code"]), number_in(marks["release"])),
        number_in(marks["grade"]),
    )
    return (
        marks.lazy()
        .select(key.alias("key"), "subject_code", "release", "grade")
        .group_by("key")
        .agg(pl.col("subject_code", "release", "grade").first(), pl.len().alias("n"))
        .drop("key")
        .with_columns(state_expression().alias("state"), points_expression().alias("points"))
        .with_columns(pl.col("n").cast(pl.Int64))
        .collect(engine="streaming")
    )


def _states(counts: pl.DataFrame) -> pl.DataFrame:
    points = (pl.col("points").cast(pl.Int64) * pl.col("n")).filter(_has_appeared()).sum()
    return (
        counts.group_by("subject_code", "release")
        .agg(
            *(
                pl.col("n").filter(pl.col("state") == state.value).sum().alias(state.value)
                for state in State
            ),
            points.alias("points"),
        )
        .with_columns((pl.col("passed") + pl.col("failed")).alias("appeared"))
        .with_columns(
            ratio_half_up(HUNDRED * pl.col("points"), HUNDRED * pl.col("appeared")).alias(
                "mean_points"
            )
        )
    )


def _has_appeared() -> pl.Expr:
    return pl.col("state").is_in([State.PASSED.value, State.FAILED.value])


def _grades(counts: pl.DataFrame) -> pl.DataFrame:
    """Every grade from S to F with its count, be it 0."""
    keys = counts.select("subject_code", "release").unique()
    every = keys.join(pl.DataFrame({"grade": GRADES}), how="cross", maintain_order="left_right")
    return (
        every.join(
            counts, on=["subject_code", "release", "grade"], how="left", maintain_order="left"
        )
        .group_by("subject_code", "release")
        .agg(counts_as_json(pl.col("grade"), pl.col("n").fill_null(0)).alias("grades"))
    )


def _revaluations(impact: pl.DataFrame) -> pl.DataFrame:
    cleared = (pl.col("grade_before").is_in(PASSING_GRADES).not_()) & (
        pl.col("grade_after").is_in(PASSING_GRADES)
    )
    return (
        impact.filter(pl.col("revises").is_not_null())
        .group_by("subject_code", pl.col("revises").alias("release"))
        .agg(
            pl.len().alias("revalued"),
            (pl.col("points_change") > 0).sum().alias("revaluation_raised"),
            cleared.sum().alias("revaluation_cleared"),
        )
    )
