"""Documents about students: one per student, class sheets, and rankings of students.

Built by polars as nested columns and encoded as JSON in one step. Nothing is computed: the numbers
come from the published tables.
"""

import polars as pl

from ouspark_assets.cache.source_tables import TICKET, PublishedTables
from ouspark_assets.schemas.analytics import SCOPES

CLASS_NAME = pl.format("{}-{}-{}", "college_code", "branch_code", "admission_year")
# By scope: the group in which students are ranked, as in the key of its ranking.
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
CGPA_COLUMNS = ("cgpa", "open_subjects", "pending_subjects", "incomplete")


def students(tables: PublishedTables) -> pl.DataFrame:
    """Return one document per student: details, semesters, ranks, credits and backlogs."""
    revaluations = tables.revaluation_impact.sort(TICKET, "release", "subject_code")
    documents = _details(tables)
    for part in (
        tables.student_cgpas,
        tables.student_credits.select(TICKET, pl.struct(pl.exclude(TICKET)).alias("credits")),
        _ranks(tables.student_rankings),
        _semesters(tables),
        _list_per_student(_with_subject_names(tables, tables.backlogs), "backlogs"),
        _list_per_student(_with_subject_names(tables, revaluations), "revaluations"),
    ):
        documents = documents.join(part, on=TICKET, how="left")
    lists = pl.col("semesters", "backlogs", "revaluations")
    return _to_json(documents.with_columns(lists.fill_null([])), TICKET)


def class_sheets(tables: PublishedTables) -> pl.DataFrame:
    """Return one document per class: its students by hall ticket, with CGPA and rank."""
    ranks = tables.student_rankings.filter(pl.col("scope") == "class")
    student = pl.struct(TICKET, "name", "lateral_entry", *CGPA_COLUMNS, "rank", "out_of")
    sheets = (
        _details(tables)
        .join(tables.student_cgpas, on=TICKET, how="left")
        .join(ranks, on=TICKET, how="left")
        .group_by("class", *_GROUP, maintain_order=True)
        .agg(pl.len().alias("n"), student.alias("students"))
        .sort("class")
    )
    return _to_json(sheets, "class")


def student_rankings(tables: PublishedTables, top: int) -> pl.DataFrame:
    """Return one document per ranking: the first `top` students and everyone tied with the last."""
    ranked = _details(tables).join(tables.student_rankings, on=TICKET)
    rankings = [_ranking(ranked.filter(pl.col("scope") == scope), scope, top) for scope in SCOPES]
    return _to_json(pl.concat(rankings), "key", drop="key")


def _to_json(rows: pl.DataFrame, name: str, drop: str | None = None) -> pl.DataFrame:
    """Return `name` and `document` of every row; the document is the row without `drop`."""
    content = pl.struct(pl.exclude(drop)) if drop else pl.struct(pl.all())
    return rows.select(pl.col(name).alias("name"), content.struct.json_encode().alias("document"))


_GROUP = ("college_code", "college", "branch_code", "branch", "admission_year")


def _details(tables: PublishedTables) -> pl.DataFrame:
    """Return the students with the names of college and branch, and without the father's name."""
    colleges = tables.colleges.select("college_code", pl.col("name").alias("college"))
    branches = tables.branches.select("branch_code", pl.col("name").alias("branch"))
    return (
        tables.students.select(DETAILS)
        .join(colleges, on="college_code", how="left", maintain_order="left")
        .join(branches, on="branch_code", how="left", maintain_order="left")
        .with_columns(CLASS_NAME.alias("class"))
    )


def _semesters(tables: PublishedTables) -> pl.DataFrame:
    """Return a list of semesters per student; subjects of unknown semester come last."""
    subjects = _with_subject_names(tables, tables.standings)
    semesters = (
        subjects.group_by(TICKET, "semester", maintain_order=True)
        .agg(pl.struct(pl.exclude(TICKET, "semester")).alias("subjects"))
        .join(tables.semester_gpas, on=(TICKET, "semester"), how="left")
        .sort(TICKET, "semester", nulls_last=True)
        .select(TICKET, "semester", "state", "credits", "sgpa", "sgpa_printed", "subjects")
    )
    return _list_per_student(semesters, "semesters")


def _ranks(rankings: pl.DataFrame) -> pl.DataFrame:
    """Return one struct per student, with a field for each of the four scopes."""
    rank = pl.struct("value", "rank", "out_of", "percentile", "unranked_because")
    return rankings.group_by(TICKET).agg(
        pl.struct(
            rank.filter(pl.col("scope") == scope).first().alias(scope) for scope in SCOPES
        ).alias("ranks")
    )


def _with_subject_names(tables: PublishedTables, rows: pl.DataFrame) -> pl.DataFrame:
    names = tables.subjects.select("subject_code", "subject_name")
    named = rows.join(names, on="subject_code", how="left", maintain_order="left")
    first = (TICKET, "subject_code", "subject_name")
    return named.select(*first, pl.exclude(first))


def _list_per_student(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.group_by(TICKET, maintain_order=True).agg(pl.struct(pl.exclude(TICKET)).alias(name))


def _ranking(ranked: pl.DataFrame, scope: str, top: int) -> pl.DataFrame:
    student = pl.struct(
        "rank", TICKET, "name", "class", pl.col("value").alias("cgpa"), "percentile"
    )
    in_order = ranked.with_columns(GROUP_NAMES[scope].alias("of")).sort(
        "of", "rank", TICKET, nulls_last=True
    )
    last_rank = pl.col("rank").drop_nulls().head(top).last()
    return (
        in_order.group_by("of", maintain_order=True)
        .agg(
            pl.col("out_of").max(),
            pl.col("rank").is_null().sum().alias("unranked"),
            student.filter(pl.col("rank") <= last_rank).alias("top"),
        )
        .select(
            pl.format("{}:{}", pl.lit(scope), "of").alias("key"),
            pl.lit(scope).alias("scope"),
            pl.all().exclude("key", "scope"),
        )
    )
