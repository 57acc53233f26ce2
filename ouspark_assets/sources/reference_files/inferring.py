"""What pages teach beyond the reference files: codes not in them, usual names, credits, semesters.

Pure frames; rows that come from here alone are marked `inferred`.
"""

from collections.abc import Sequence

import polars as pl

from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.table import Table

LABORATORY_NAME = r"\bLAB"


def with_inferred(table: Table, reference: pl.DataFrame, codes_seen: pl.Series) -> pl.DataFrame:
    """The reference rows and one nameless row, marked inferred, for every other code seen."""
    code = table.key[0]
    seen = pl.DataFrame({code: codes_seen.drop_nulls().unique().cast(pl.String)})
    unknown = seen.join(reference, on=code, how="anti").with_columns(
        pl.lit(value=True).alias("inferred")
    )
    return table.conform(pl.concat([reference, unknown], how="diagonal")).sort(code)


def subjects_with_learnt(
    reference: pl.DataFrame, marks: pl.DataFrame, releases: Sequence[str] = ()
) -> pl.DataFrame:
    """Every subject of the files and of the marks, what the files leave open learnt from marks.

    Usual is what most rows say; of equally frequent values the one of the latest release, by the
    order of `releases` (oldest first).
    """
    order = {release: place for place, release in enumerate(releases)}
    placed = marks.with_columns(
        pl.col("release").replace_strict(order, default=-1, return_dtype=pl.Int32).alias("_place")
    )
    learnt = placed.select("subject_code").unique()
    for column in ("subject_name", "credits", "semester"):
        learnt = learnt.join(_usual(placed, column), on="subject_code", how="left")
    learnt = learnt.with_columns(_kind().alias("kind"), pl.lit(value=True).alias("inferred"))
    known = reference.join(learnt, on="subject_code", how="full", coalesce=True, suffix="_learnt")
    return SUBJECTS.conform(
        known.with_columns(
            pl.coalesce(column, f"{column}_learnt").alias(column)
            for column in SUBJECTS.columns
            if column != "subject_code"
        )
    ).sort("subject_code")


def _usual(marks: pl.DataFrame, column: str) -> pl.DataFrame:
    """Per subject the value that most rows have, of equals the latest, then the first by name."""
    return (
        marks.drop_nulls(column)
        .group_by("subject_code", column)
        .agg(pl.len().alias("_n"), pl.col("_place").max())
        .sort("_n", "_place", column, descending=[True, True, False])
        .group_by("subject_code", maintain_order=True)
        .agg(pl.col(column).first())
    )


def _kind() -> pl.Expr:
    laboratory = pl.col("subject_name").str.to_uppercase().str.contains(LABORATORY_NAME)
    return pl.when(laboratory).then(pl.lit("laboratory")).when(~laboratory).then(pl.lit("theory"))
