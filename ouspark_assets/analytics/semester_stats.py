"""Semester statistics: per release, who appeared in a semester, who cleared it, SGPAs as printed.

Appeared: at least one row of the semester on the page that is not Ab. All clear: all of them
passed.
"""

import polars as pl

from ouspark_assets.analytics.attempts import with_semester
from ouspark_assets.analytics.json_text import counts_as_json
from ouspark_assets.analytics.keys import (
    and_number,
    number_in,
    number_of,
    numbered,
    ticket_and_semester,
    without_text,
    without_ticket,
)
from ouspark_assets.domain.grades import ABSENT_GRADE, PASSING_GRADES, ResultStatus
from ouspark_assets.domain.rounding import (
    HUNDRED,
    from_hundredths,
    mean_half_up,
    median_half_up,
    percent_half_up,
)
from ouspark_assets.schemas.analytics import SEMESTER_STATS

BAND = 50  # hundredths of a grade point
LAST_BAND = 950  # 10 belongs to the highest band
COUNTS = ("appeared", "all_clear", "printed_lines", "printed_clear", "printed_promoted",
          "printed_detained", "with_sgpa")  # fmt: skip


def semester_stats(
    marks: pl.DataFrame, results: pl.DataFrame, subjects: pl.DataFrame | None = None
) -> pl.DataFrame:
    """One row per release and semester that a page of it has a row or a line of."""
    by = SEMESTER_STATS.key
    printed = results.with_columns(_number_of_release(results).alias("_release"))
    return SEMESTER_STATS.conform(
        _appearances(with_semester(marks, subjects))
        .join(_printed(printed), on=by, how="full", coalesce=True)
        .join(_statuses(printed), on=by, how="left")
        .join(_histogram(printed), on=by, how="left")
        .with_columns(pl.col(COUNTS).fill_null(0), pl.col("statuses", "histogram").fill_null("{}"))
        .with_columns(
            percent_half_up(pl.col("all_clear"), pl.col("appeared")).alias("pass_percent")
        )
    ).sort(by)


def _number_of_release(frame: pl.DataFrame) -> pl.Expr:
    return number_in(frame["release"])


def _appearances(marks: pl.DataFrame) -> pl.DataFrame:
    release = number_in(marks["release"])
    page = and_number(ticket_and_semester(), release)
    of_page = (
        marks.lazy()
        .filter(pl.col("semester").is_not_null())
        .select(
            page.alias("page"),
            (pl.col("grade") != ABSENT_GRADE).alias("appeared"),
            pl.col("grade").is_in(PASSING_GRADES).alias("clear"),
        )
        .group_by("page")
        .agg(pl.col("appeared").max(), pl.col("clear").min())
        .group_by(without_ticket("page").alias("key"))
        .agg(pl.col("appeared").sum(), pl.col("clear").sum().alias("all_clear"))
        .collect(engine="streaming")
    )
    return (
        of_page.with_columns(
            without_text("key").cast(pl.Int16).alias("semester"), number_of("key").alias("number")
        )
        .join(numbered(marks["release"]), on="number")
        .drop("key", "number")
    )


def _printed(results: pl.DataFrame) -> pl.DataFrame:
    sgpa, status = pl.col("sgpa_printed"), pl.col("status")
    return (
        results.group_by("_release", "semester")
        .agg(
            pl.col("release").first(),
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
        .drop("_release")
    )


def _statuses(results: pl.DataFrame) -> pl.DataFrame:
    return (
        results.group_by("release", "semester", "status")
        .len()
        .sort("status")
        .group_by("release", "semester")
        .agg(counts_as_json(pl.col("status"), pl.col("len")).alias("statuses"))
    )


def _histogram(results: pl.DataFrame) -> pl.DataFrame:
    cents = (pl.col("sgpa_printed") * HUNDRED).round(0).cast(pl.Int64)
    band = (cents // BAND * BAND).clip(0, LAST_BAND)
    return (
        results.filter(pl.col("sgpa_printed").is_not_null())
        .group_by("release", "semester", band.alias("band"))
        .len()
        .sort("band")
        .group_by("release", "semester")
        .agg(
            counts_as_json(from_hundredths(pl.col("band")).cast(pl.String), pl.col("len")).alias(
                "histogram"
            )
        )
    )
