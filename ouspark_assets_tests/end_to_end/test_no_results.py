"""Students with a sentence instead of a result, from the site to production, sheet and status."""

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from ouspark_assets.schemas.clean import NO_RESULTS
from ouspark_assets.standin.process import running_standin
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.support.pipeline import Pipeline

SITE = {"students": 200, "releases": 2, "seed": 7}
COLUMNS = ["release", "hall_ticket", "sentence"]


@pytest.mark.full
def test_students_without_a_result_reach_readers_and_leave_when_they_get_one(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with running_standin(**SITE, faults="no-results") as site:
        pipeline = Pipeline(home, site.url)
        pipeline.ouspark("run", "--all")
        truth = pl.read_parquet(site.export(tmp_path / "truth") / "no_results.parquet")
        true = truth.sort(COLUMNS)
        assert true.height > 5
        for side in (Side.DEVELOPMENT, Side.PRODUCTION):
            assert pipeline.table(NO_RESULTS, side).select(COLUMNS).sort(COLUMNS).equals(true)
        status = json.loads(pipeline.ouspark("status", "--json").stdout)
        assert status["stale"] == []
        assert sum(each["hall_tickets"] for each in status["no_results"]) == true.height
        counted = pipeline.rows("SELECT sum(no_result), sum(failed), sum(outages) FROM ops.scrapes")
        assert counted == [(true.height, 0, 0)]
        # Nothing is requested again.
        again = pipeline.ouspark("run", "--all").stdout
        assert "Nothing new" in again
    release, ticket, sentence = true.row(0)
    pipeline.ouspark("report", "--release", release, "--out", str(tmp_path / "report"))
    key = f"{ticket[:4]}-{ticket[6:9]}-20{ticket[4:6]}"
    with zipfile.ZipFile(tmp_path / "report" / ticket[:4] / f"{key}_{release}.xlsx") as book:
        strings = book.read("xl/sharedStrings.xml").decode().replace("&quot;", '"')
    assert ticket in strings
    assert f"no result in {release}: {sentence}" in strings
    with running_standin(**SITE) as site:
        pipeline = Pipeline(home, site.url)
        pipeline.ouspark("run", "--release", release, "--refetch")
        left = pipeline.table(NO_RESULTS, Side.PRODUCTION)
        assert release not in left["release"].to_list()
        pipeline.ouspark("services", "down")
