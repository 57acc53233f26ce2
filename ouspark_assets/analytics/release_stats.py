"""Statistics per release: the results of each semester and of each subject.

Semesters: a student appeared if the page has a marks row of the semester that is not Ab, and is all
clear if all of them are passed. Subjects (main releases only): appeared = passed + failed; absent
and pending are counted separately. It is not known who applied for revaluation, so its rates are
per marks row of the revaluation releases.
"""

import polars as pl

from ouspark_assets.analytics.attempts import fill_semesters
from ouspark_assets.analytics.packed_keys import (
    drop_text,
    drop_ticket,
    pack_text,
    text_number,
    text_numbers,
    ticket_and_semester,
    unpack_text,
)
from ouspark_assets.domain.grades import (
    ABSENT_GRADE,
    FAILED_GRADE,
    PASSING_GRADES,
    ResultStatus,
    State,
    points_expression,
    state_expression,
)
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.domain.rounding import (
    HUNDRED,
    from_hundredths,
    hundredths,
    mean_half_up,
    median_half_up,
    percent_half_up,
    ratio_half_up,
)
from ouspark_assets.schemas.analytics import SEMESTER_STATS, SUBJECT_STATS

# Bands of the SGPA histogram, in hundredths of a grade point. An SGPA of 10 is in the last band.
BAND_WIDTH, LAST_BAND = 50, 950
SEMESTER_COUNTS = ("appeared", "all_clear", "printed_lines", "printed_clear", "printed_promoted",
                   "printed_detained", "with_sgpa")  # fmt: skip
SUBJECT_GRADES = (*PASSING_GRADES, FAILED_GRADE)
REVALUATION_COUNTS = ("revalued", "revaluation_raised", "revaluation_cleared")


def compute_semester_stats(
    marks: pl.DataFrame, results: pl.DataFrame, subjects: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return one row per release and semester that has a marks row or a semester line."""
    by = SEMESTER_STATS.key
    return SEMESTER_STATS.conform(
        _count_appeared(fill_semesters(marks, subjects))
        .join(_summarize_lines(results), on=by, how="full", coalesce=True)
        .join(_count_statuses(results), on=by, how="left")
        .join(_sgpa_histogram(results), on=by, how="left")
        .with_columns(
            pl.col(SEMESTER_COUNTS).fill_null(0), pl.col("statuses", "histogram").fill_null("{}")
        )
        .with_columns(
            percent_half_up(pl.col("all_clear"), pl.col("appeared")).alias("pass_percent")
        )
    ).sort(by)


def compute_subject_stats(
    marks: pl.DataFrame,
    release_index: pl.DataFrame,
    subjects: pl.DataFrame,
    revaluation_impact: pl.DataFrame,
) -> pl.DataFrame:
    """Return one row per subject and main release; `subjects` supplies the kind of subject."""
    by = SUBJECT_STATS.key
    main = release_index.filter(pl.col("exam_kind") == ExamKind.MAIN.value).select("release")
    counts = _count_grades(marks.join(main, on="release", how="semi"))
    return SUBJECT_STATS.conform(
        _summarize_states(counts)
        .join(_grades_as_json(counts), on=by)
        .join(subjects.select("subject_code", "kind"), on="subject_code", how="left")
        .join(_summarize_revaluation(revaluation_impact), on=by, how="left")
        .with_columns(pl.col(REVALUATION_COUNTS).fill_null(0))
        .with_columns(
            percent_half_up(pl.col("passed"), pl.col("appeared")).alias("pass_percent"),
            percent_half_up(pl.col("revaluation_raised"), pl.col("revalued")).alias(
                "raised_percent"
            ),
        )
    ).sort(by)


def _count_appeared(marks: pl.DataFrame) -> pl.DataFrame:
    """Return appeared and all_clear per release and semester."""
    page = pack_text(ticket_and_semester(), text_number(marks["release"]))
    counts = (
        marks.lazy()
        .filter(pl.col("semester").is_not_null())
        .select(
            page.alias("page"),
            (pl.col("grade") != ABSENT_GRADE).alias("appeared"),
            pl.col("grade").is_in(PASSING_GRADES).alias("clear"),
        )
        .group_by("page")
        .agg(pl.col("appeared").max(), pl.col("clear").min())
        .group_by(drop_ticket("page").alias("key"))
        .agg(pl.col("appeared").sum(), pl.col("clear").sum().alias("all_clear"))
        .collect(engine="streaming")
    )
    return (
        counts.with_columns(
            drop_text("key").cast(pl.Int16).alias("semester"), unpack_text("key").alias("number")
        )
        .join(text_numbers(marks["release"]), on="number")
        .drop("key", "number")
    )


def _summarize_lines(results: pl.DataFrame) -> pl.DataFrame:
    sgpa, status = pl.col("sgpa_printed"), pl.col("status")
    return results.group_by("release", "semester").agg(
        pl.len().alias("printed_lines"),
        sgpa.count().alias("printed_clear"),
        (status == ResultStatus.PROMOTED.value).sum().alias("printed_promoted"),
        (status == ResultStatus.DETAINED.value).sum().alias("printed_detained"),
        sgpa.count().alias("with_sgpa"),
        mean_half_up(sgpa, sgpa.count()).alias("mean_sgpa"),
        median_half_up(sgpa).alias("median_sgpa"),
        sgpa.min().alias("lowest_sgpa"),
        sgpa.max().alias("highest_sgpa"),
    )


def _count_statuses(results: pl.DataFrame) -> pl.DataFrame:
    return (
        results.group_by("release", "semester", "status")
        .len()
        .sort("status")
        .group_by("release", "semester")
        .agg(_counts_as_json(pl.col("status"), pl.col("len")).alias("statuses"))
    )


def _sgpa_histogram(results: pl.DataFrame) -> pl.DataFrame:
    band = (hundredths("sgpa_printed") // BAND_WIDTH * BAND_WIDTH).clip(0, LAST_BAND)
    lower_end = from_hundredths(pl.col("band")).cast(pl.String)
    return (
        results.filter(pl.col("sgpa_printed").is_not_null())
        .group_by("release", "semester", band.alias("band"))
        .len()
        .sort("band")
        .group_by("release", "semester")
        .agg(_counts_as_json(lower_end, pl.col("len")).alias("histogram"))
    )


def _count_grades(marks: pl.DataFrame) -> pl.DataFrame:
    """Return the number `n` of marks rows per subject, release and grade."""
    return (
        marks.lazy()
        .group_by("subject_code", "release", "grade")
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .with_columns(state_expression().alias("state"), points_expression().alias("points"))
        .collect(engine="streaming")
    )


def _summarize_states(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the count of each state, appeared, and mean_points per subject and release."""
    has_appeared = pl.col("state").is_in([State.PASSED.value, State.FAILED.value])
    points = (pl.col("points").cast(pl.Int64) * pl.col("n")).filter(has_appeared).sum()
    mean_points = ratio_half_up(HUNDRED * pl.col("points"), HUNDRED * pl.col("appeared"))
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
        .with_columns(mean_points.alias("mean_points"))
    )


def _grades_as_json(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the count of every grade from S to F, including zeros, per subject and release."""
    keys = counts.select("subject_code", "release").unique()
    grades = pl.DataFrame({"grade": SUBJECT_GRADES})
    return (
        keys.join(grades, how="cross", maintain_order="left_right")
        .join(counts, on=["subject_code", "release", "grade"], how="left", maintain_order="left")
        .group_by("subject_code", "release")
        .agg(_counts_as_json(pl.col("grade"), pl.col("n").fill_null(0)).alias("grades"))
    )


def _summarize_revaluation(impact: pl.DataFrame) -> pl.DataFrame:
    """Return the revaluation counts per subject and the main release that was revised."""
    cleared = ~pl.col("grade_before").is_in(PASSING_GRADES) & pl.col("grade_after").is_in(
        PASSING_GRADES
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


def _counts_as_json(name: pl.Expr, count: pl.Expr) -> pl.Expr:
    """Return the rows of a group as one JSON object of name → count, in the order of the rows."""
    escaped = name.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        '"', '\\"', literal=True
    )
    pairs = pl.concat_str(pl.lit('"'), escaped, pl.lit('":'), count.cast(pl.String))
    return pl.concat_str(pl.lit("{"), pairs.str.join(","), pl.lit("}"))
