"""What is known of students: a record each, class sheets, the tops of rankings.

Built by polars as nested columns and encoded in one go; what a number means was decided upstream.
"""

import polars as pl

from ouspark_assets.cache.published import TICKET, Published
from ouspark_assets.schemas.analytics import SCOPES

CLASS_NAME = pl.format("{}-{}-{}", "college_code", "branch_code", "admission_year")
# The name of the group that a rank is among, as in the key of its ranking.
GROUP_NAMES = {
    "class": CLASS_NAME,
    "college": pl.format("{}-{}", "college_code", "admission_year"),
    "branch": pl.format("{}-{}", "branch_code", "admission_year"),
    "university": pl.format("{}", "admission_year"),
}
DETAILS = (
    TICKET, "name", "gender", "course", "medium", "college_code", "branch_code", "admission_year",
    "serial", "lateral_entry", "last_release",
)  # fmt: skip
STANDING = ("cgpa", "open_subjects", "pending_subjects", "incomplete")


def students(published: Published) -> pl.DataFrame:
    """A student's record: details, semesters with their subjects, ranks, credits, backlogs."""
    records = (
        _details(published)
        .join(published.student_cgpas, on=TICKET, how="left")
        .join(_one(published.student_credits, "credits"), on=TICKET, how="left")
        .join(_ranks(published.student_rankings), on=TICKET, how="left")
        .join(_semesters(published), on=TICKET, how="left")
        .join(_many(_named(published, published.backlogs), "backlogs"), on=TICKET, how="left")
        .join(_many(_revaluations(published), "revaluations"), on=TICKET, how="left")
        .with_columns(pl.col("semesters", "backlogs", "revaluations").fill_null([]))
    )
    return encoded(records, TICKET)


def class_sheets(published: Published) -> pl.DataFrame:
    """A class: its students in order of serial, with CGPA, rank and what is open."""
    ranks = published.student_rankings.filter(pl.col("scope") == "class")
    row = pl.struct(TICKET, "name", "lateral_entry", *STANDING, "rank", "out_of")
    sheets = (
        _details(published)
        .join(published.student_cgpas, on=TICKET, how="left")
        .join(ranks, on=TICKET, how="left")
        .group_by("class", *_GROUP, maintain_order=True)
        .agg(pl.len().alias("n"), row.alias("students"))
        .sort("class")
    )
    return encoded(sheets, "class")


def student_rankings(published: Published, top: int) -> pl.DataFrame:
    """The first places of every ranking of students, ties with the last of them included."""
    ranked = _details(published).join(published.student_rankings, on=TICKET)
    tops = [_top(ranked.filter(pl.col("scope") == scope), scope, top) for scope in SCOPES]
    return encoded(pl.concat(tops), "key", drop="key")


def encoded(records: pl.DataFrame, name: str, drop: str | None = None) -> pl.DataFrame:
    """Every row as JSON, by the name in a column."""
    content = pl.struct(pl.exclude(drop)) if drop else pl.struct(pl.all())
    return records.select(
        pl.col(name).alias("name"), content.struct.json_encode().alias("document")
    )


_GROUP = ("college_code", "college", "branch_code", "branch", "admission_year")


def _details(published: Published) -> pl.DataFrame:
    """What is shown of a student, with the names of college and branch; no father's name."""
    colleges = published.colleges.select("college_code", pl.col("name").alias("college"))
    branches = published.branches.select("branch_code", pl.col("name").alias("branch"))
    return (
        published.students.select(DETAILS)
        .join(colleges, on="college_code", how="left", maintain_order="left")
        .join(branches, on="branch_code", how="left", maintain_order="left")
        .with_columns(CLASS_NAME.alias("class"))
    )


def _semesters(published: Published) -> pl.DataFrame:
    """Semesters in order, each with its subjects; subjects of unknown semester come last."""
    subjects = _named(published, published.standings)
    semesters = (
        subjects.group_by(TICKET, "semester", maintain_order=True)
        .agg(pl.struct(pl.exclude(TICKET, "semester")).alias("subjects"))
        .join(published.semester_gpas, on=(TICKET, "semester"), how="left")
        .sort(TICKET, "semester", nulls_last=True)
        .select(TICKET, "semester", "state", "credits", "sgpa", "sgpa_printed", "subjects")
    )
    return _many(semesters, "semesters")


def _ranks(rankings: pl.DataFrame) -> pl.DataFrame:
    """One struct of the four scopes per student."""
    rank = pl.struct("value", "rank", "out_of", "percentile", "unranked_because")
    return rankings.group_by(TICKET).agg(
        pl.struct(
            rank.filter(pl.col("scope") == scope).first().alias(scope) for scope in SCOPES
        ).alias("ranks")
    )


def _revaluations(published: Published) -> pl.DataFrame:
    return _named(published, published.revaluation_impact.sort(TICKET, "release", "subject_code"))


def _named(published: Published, rows: pl.DataFrame) -> pl.DataFrame:
    names = published.subjects.select("subject_code", "subject_name")
    named = rows.join(names, on="subject_code", how="left", maintain_order="left")
    first = (TICKET, "subject_code", "subject_name")
    return named.select(*first, pl.exclude(first))


def _one(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.select(TICKET, pl.struct(pl.exclude(TICKET)).alias(name))


def _many(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.group_by(TICKET, maintain_order=True).agg(pl.struct(pl.exclude(TICKET)).alias(name))


def _top(ranked: pl.DataFrame, scope: str, top: int) -> pl.DataFrame:
    place = pl.struct("rank", TICKET, "name", "class", pl.col("value").alias("cgpa"), "percentile")
    in_order = ranked.with_columns(GROUP_NAMES[scope].alias("of")).sort(
        "of", "rank", TICKET, nulls_last=True
    )
    last_rank = pl.col("rank").drop_nulls().head(top).last()
    return (
        in_order.group_by("of", maintain_order=True)
        .agg(
            pl.col("out_of").max(),
            pl.col("rank").is_null().sum().alias("unranked"),
            place.filter(pl.col("rank") <= last_rank).alias("top"),
        )
        .select(
            pl.format("{}:{}", pl.lit(scope), "of").alias("key"),
            pl.lit(scope).alias("scope"),
            pl.all().exclude("key", "scope"),
        )
    )
