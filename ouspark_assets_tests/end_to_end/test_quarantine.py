"""Damaged pages are quarantined with reasons, and loaded once the site sends them whole."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.support.pipeline import Pipeline

SITE = {"students": 150, "releases": 1, "seed": 5}
RELEASE = "20240511"


def open_records(pipeline: Pipeline) -> list[dict[str, object]]:
    return json.loads(pipeline.ouspark("quarantine", "list", "--json").stdout)


# Single damaged pages, and their replay, are tested in `pages/` and `cli/`.
@pytest.mark.full
def test_damaged_pages_are_quarantined_and_loaded_once_the_site_is_healthy(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with running_standin(**SITE, faults="damaged:0.15") as site:
        pipeline = Pipeline(home, site.url)
        pipeline.ouspark("run")
        true = pl.read_parquet(site.export(tmp_path / "truth") / "attempts.parquet")
        columns = [name for name in true.columns if name in MARKS.columns]
        stored = pipeline.table(MARKS).select(columns)
        whole = true.select(pl.col(name).cast(MARKS.dtypes[name]) for name in columns)
        lost = whole.join(stored, on=columns, how="anti", nulls_equal=True)["hall_ticket"]
        explained = {record["hall_ticket"] for record in open_records(pipeline)}
        assert len(explained) > 5
        assert set(lost) <= explained
        incomplete = pipeline.rows(
            "SELECT hall_ticket FROM analytics.student_cgpas WHERE incomplete"
        )
        students = {ticket for (ticket,) in pipeline.rows("SELECT hall_ticket FROM clean.students")}
        assert explained & students <= {ticket for (ticket,) in incomplete}
    with running_standin(**SITE) as site:
        pipeline = Pipeline(home, site.url)
        pipeline.ouspark("run", "--release", RELEASE, "--refetch")
        assert open_records(pipeline) == []
        assert_frame_equal(
            pipeline.table(MARKS).select(columns), whole.sort(MARKS.key), check_row_order=True
        )
        pipeline.ouspark("services", "down")
