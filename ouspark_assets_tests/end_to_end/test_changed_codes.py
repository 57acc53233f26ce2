"""Codes that change: what is proposed, added to the operator's file and run gives the truth."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.schemas.analytics import STANDINGS, STUDENT_CGPAS
from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.support.pipeline import Pipeline

HEADER = "old_code,new_code,why\n"


@pytest.mark.full
def test_the_next_run_after_adding_the_proposed_lines_computes_and_publishes_the_truth(
    tmp_path: Path,
) -> None:
    codes = tmp_path / "codes.csv"
    codes.write_text(HEADER)
    with running_standin(students=200, releases=8, seed=5, changed_codes=True) as site:
        truth = site.export(tmp_path / "truth")
        variables = {"OUSPARK_EQUIVALENT_CODES": str(codes)}
        pipeline = Pipeline(tmp_path / "home", site.url, variables=variables)
        pipeline.ouspark("run", "--all")
        pipeline.ouspark("run", "--all")
        proposed = json.loads(pipeline.ouspark("subjects", "propose", "--json").stdout)
        assert sorted(row["old_code"] for row in proposed) == ["101", "201", "251"]
        codes.write_text(HEADER + "\n".join(row["line"] for row in proposed))
        assert _states(pipeline) == {"after the next run"}
        pipeline.ouspark("run", "--all")
        assert _states(pipeline) == {"in effect"}
        for table in (STANDINGS, STUDENT_CGPAS):
            true = pl.read_parquet(truth / f"{table.name}.parquet")
            columns = [name for name in table.columns if name in true.columns]
            types = [pl.col(name).cast(table.dtypes[name]) for name in columns]
            assert_frame_equal(
                pipeline.table(table).select(types), true.select(types).sort(table.key)
            )
        ticket = _student_who_moved(truth)
        explained = pipeline.ouspark("explain", ticket).stdout
        assert "101 counts as BS101MT" in " ".join(explained.split())
        pipeline.ouspark("publication", "verify")
        pipeline.ouspark("cache", "verify")
        codes.unlink()
        failed = pipeline.command("ouspark", "run", "--all")
        assert failed.returncode == 1
        assert "OUSPARK_EQUIVALENT_CODES" in failed.stdout + failed.stderr
        pipeline.ouspark("services", "down")


def _states(pipeline: Pipeline) -> set[str]:
    """Return whether the listed codes are in effect."""
    return {
        row["state"] for row in json.loads(pipeline.ouspark("subjects", "list", "--json").stdout)
    }


def _student_who_moved(truth: Path) -> str:
    """Return a student who sat 101 first, and later the code that replaced it."""
    attempts = pl.read_parquet(truth / "attempts.parquet")
    old, new = (attempts.filter(subject_code=code) for code in ("101", "BS101MT"))
    return str(old.join(new, on="hall_ticket")["hall_ticket"].min())
