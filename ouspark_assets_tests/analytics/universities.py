"""Universities out of the bundled results site: their clean tables, in memory or in a database."""

from datetime import UTC, datetime

import polars as pl

from ouspark_assets.schemas.clean import MARKS, QUARANTINE, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.truth import truth_of
from ouspark_assets.standin.world import World
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction

CLEAN_TABLES = (RELEASE_INDEX, STUDENTS, MARKS, RESULTS, SUBJECTS)
SHA256 = "0" * 64


def clean_tables_of(truth: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The clean tables as they are when every page has been read as it was printed."""
    page = pl.lit(SHA256).alias("sha256")
    return {
        "release_index": RELEASE_INDEX.conform(
            truth["releases"].select(
                pl.all().exclude("kind", "pages"),
                pl.lit("http://127.0.0.1/").alias("url"),
                pl.lit("B.E.").alias("course"),
                pl.col("kind").alias("exam_kind"),
                pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).alias("first_seen_at"),
            )
        ),
        "students": STUDENTS.conform(
            truth["students"].select(
                pl.all(), page, pl.lit("B.E.").alias("course"), pl.lit("0").alias("last_release")
            )
        ),
        "marks": MARKS.conform(
            truth["attempts"].select(pl.all(), page, pl.lit(value=True).alias("points_derived"))
        ),
        "results": RESULTS.conform(
            truth["results"].select(
                pl.all(),
                pl.col("sgpa").alias("sgpa_printed"),
                pl.col("cgpa").alias("cgpa_printed"),
                page,
            )
        ),
        "quarantine": QUARANTINE.empty(),
        "subjects": SUBJECTS.conform(
            truth["attempts"]
            .group_by("subject_code")
            .agg(pl.col("subject_name").first(), pl.col("credits", "semester").max())
            .with_columns(_kind().alias("kind"), pl.lit(value=True).alias("inferred"))
        ),
    }


def _kind() -> pl.Expr:
    """Laboratories have another second digit than 0, as 211."""
    theory = pl.col("subject_code").str.slice(1, 1) == "0"
    return pl.when(theory).then(pl.lit("theory")).otherwise(pl.lit("laboratory"))


def true_tables(students: int, releases: int, seed: int) -> dict[str, pl.DataFrame]:
    """What the site knows of its own students, and what its releases printed."""
    return truth_of(World(Scale(students=students, releases=releases, seed=seed)))


def load_clean_tables(connection: Connection) -> dict[str, pl.DataFrame]:
    """A university of three hundred, of which three have a record in open quarantine."""
    frames = clean_tables_of(true_tables(students=300, releases=14, seed=3))
    with write_transaction(connection, "test") as writer:
        for table in CLEAN_TABLES:
            writer.merge(table, [frames[table.name]])
        connection.execute(
            """
            INSERT INTO clean.quarantine
                   (release, hall_ticket, table_name, fingerprint, reasons, raw, status)
            SELECT last_release, hall_ticket, 'marks', '0', '{"malformed"}', '{}',
                   CASE WHEN serial % 2 = 1 THEN 'open' ELSE 'resolved' END
              FROM clean.students ORDER BY hall_ticket LIMIT 6
            """
        )
    tables = (*CLEAN_TABLES, QUARANTINE)
    return {table.name: read_table(connection, table) for table in tables}
