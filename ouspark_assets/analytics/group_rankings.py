"""What the rankings of colleges and of departments share: by mean CGPA, per admission year.

A group with too few students with a CGPA has a row without rank that says so.
"""

import polars as pl

from ouspark_assets.analytics.ranking import dense_rank, out_of

YEAR = "admission_year"


def ranked_groups(stats: pl.DataFrame, least: int) -> pl.DataFrame:
    """The groups of `college_stats` or `department_stats` with their rank in the year.

    The column `ranked` holds the value that is ranked, null for groups that are not.
    """
    enough = pl.col("with_cgpa") >= max(least, 1)
    reason = pl.format("{} of at least {} students have a CGPA", "with_cgpa", pl.lit(max(least, 1)))
    return (
        stats.with_columns(
            pl.col("with_cgpa").alias("n"),
            pl.when(enough).then("mean_cgpa").alias("ranked"),
            pl.when(~enough).then(reason).alias("unranked_because"),
        )
        .with_columns(dense_rank("ranked", [YEAR]).alias("rank"))
        .with_columns(out_of("rank", [YEAR]).alias("out_of"))
    )
