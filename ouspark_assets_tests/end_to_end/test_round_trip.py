"""The whole graph on the stand-in: every table equals the truth that the stand-in exports."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import SEMESTER_GPAS, STANDINGS, STUDENT_CGPAS
from ouspark_assets.schemas.clean import MARKS, RESULTS, STUDENTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.standin.process import running_standin
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.support.pipeline import Pipeline

# Seed, students, releases, and whether subject codes change. In the third session of this one,
# the first code of a subject, its second code, and codes that don't tell their semester are sat.
SMALL = pytest.param((11, 120, 6, True), id="seed-11")
FULL = [
    pytest.param(world, id=f"seed-{world[0]}", marks=pytest.mark.full)
    for world in (
        (12, 120, 5, False),
        (21, 5_000, 8, False),
        (22, 5_000, 8, True),
        (23, 5_000, 8, False),
    )
]


@dataclass(frozen=True)
class FinishedRun:
    """A pipeline that has run, and the truth that its tables are compared with."""

    pipeline: Pipeline
    truth: Path

    def true(self, name: str) -> pl.DataFrame:
        """Return a table of the truth."""
        return pl.read_parquet(self.truth / f"{name}.parquet")


@pytest.fixture(scope="module", params=[SMALL, *FULL])
def finished_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FinishedRun]:
    """Run the pipeline for every release of a stand-in."""
    seed, students, releases, changed_codes = request.param
    folder = tmp_path_factory.mktemp(f"seed-{seed}")
    with running_standin(
        students=students, releases=releases, seed=seed, changed_codes=changed_codes
    ) as site:
        truth, codes = site.export(folder / "truth"), folder / "codes.csv"
        pl.read_parquet(truth / "equivalent_codes.parquet").write_csv(codes)
        variables = {"OUSPARK_EQUIVALENT_CODES": str(codes)}
        pipeline = Pipeline(folder / "home", site.url, variables=variables)
        pipeline.ouspark("run", "--all")
        yield FinishedRun(pipeline, truth)
        pipeline.ouspark("services", "down")


def assert_equal_rows(found: pl.DataFrame, true: pl.DataFrame, table: Table) -> None:
    """Assert equal rows in the columns that both have, ignoring order and types."""
    columns = [name for name in table.columns if name in true.columns]
    types = [pl.col(name).cast(table.dtypes[name]) for name in columns]
    assert_frame_equal(
        found.select(types).sort(table.key), true.select(types).sort(table.key), check_exact=True
    )


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (STUDENTS, "students"),
        (MARKS, "attempts"),
        (RESULTS, "results"),
        (STANDINGS, "standings"),
        (SEMESTER_GPAS, "semester_gpas"),
        (STUDENT_CGPAS, "student_cgpas"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tables_equal_the_truth(finished_run: FinishedRun, table: Table, name: str) -> None:
    true = finished_run.true(name)
    if table is RESULTS:
        true = true.rename({"sgpa": "sgpa_printed", "cgpa": "cgpa_printed"})
    if table is STUDENTS:
        single_blanks = pl.col("name", "father_name").str.replace_all(r"\s+", " ")
        true = true.with_columns(single_blanks)
    assert true.height > 0
    assert_equal_rows(finished_run.pipeline.table(table), true, table)


def test_students_who_changed_codes_have_one_standing(finished_run: FinishedRun) -> None:
    newer = finished_run.true("equivalent_codes")
    sat = finished_run.pipeline.table(MARKS).select("hall_ticket", "subject_code").unique()
    older = sat.join(newer, left_on="subject_code", right_on="old_code")
    moved = older.join(
        sat, left_on=["hall_ticket", "new_code"], right_on=["hall_ticket", "subject_code"]
    )
    assert moved.is_empty() == newer.is_empty()
    standings = finished_run.pipeline.table(STANDINGS)
    assert not standings["subject_code"].is_in(newer["old_code"].implode()).any()
    assert older.join(standings, on="hall_ticket", how="anti").is_empty()


def test_releases_are_classified_by_their_titles(finished_run: FinishedRun) -> None:
    true = finished_run.true("releases").rename({"kind": "exam_kind"}).sort("release")
    columns = ["release", "exam_kind", "scheme", "session_year", "session_month", "published_on"]
    found = finished_run.pipeline.table(RELEASE_INDEX).join(true, on="release", how="semi")
    assert_equal_rows(found, true.select(*columns, "revises"), RELEASE_INDEX)


def test_nothing_is_in_quarantine(finished_run: FinishedRun) -> None:
    assert finished_run.pipeline.rows("SELECT table_name, reasons FROM clean.quarantine") == []


def test_production_equals_development(finished_run: FinishedRun) -> None:
    for table in PUBLISHED_TABLES:
        hidden = [pl.lit(None, pl.String).alias(name) for name in table.private]
        found = finished_run.pipeline.table(table).with_columns(hidden)
        assert_frame_equal(finished_run.pipeline.table(table, Side.PRODUCTION), found)


def test_the_cache_has_every_student_of_the_publication(finished_run: FinishedRun) -> None:
    with finished_run.pipeline.cache() as cache:
        generation = cache.get("ouspark:current").decode()
        for ticket, cgpa in (
            finished_run.true("student_cgpas").select("hall_ticket", "cgpa").iter_rows()
        ):
            record = orjson.loads(cache.get(f"ouspark:{generation}:student:{ticket}"))
            assert record["hall_ticket"] == ticket
            assert record["cgpa"] == cgpa
        meta = orjson.loads(cache.get(f"ouspark:{generation}:meta"))
    ((publication,),) = finished_run.pipeline.rows(
        "SELECT max(number) FROM ops.publications", Side.PRODUCTION
    )
    assert meta["publication"] == publication


def test_running_again_changes_nothing(finished_run: FinishedRun) -> None:
    before = finished_run.pipeline.rows("SELECT max(version) FROM ops.versions")
    done = finished_run.pipeline.ouspark("run", "--all")
    assert "Nothing new" in done.stdout
    assert finished_run.pipeline.rows("SELECT max(version) FROM ops.versions") == before
    assert finished_run.pipeline.rows(
        "SELECT count(*), max(number) FROM ops.publications", Side.PRODUCTION
    ) == [(1, 1)]
