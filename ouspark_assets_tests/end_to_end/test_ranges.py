"""Loading a range of releases with Dagster's own command, in one run."""

from pathlib import Path

import pytest

from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.support.daemon import selected_releases_on_index
from ouspark_assets_tests.support.pipeline import Pipeline

MATERIALIZE = ("dagster", "asset", "materialize", "-m", "ouspark_assets.definitions")


@pytest.mark.full
def test_a_range_of_releases_is_loaded_and_published_by_one_command(tmp_path: Path) -> None:
    with running_standin(students=30, releases=2, seed=3) as site:
        pipeline = Pipeline(tmp_path / "home", site.url)
        done = pipeline.command(*MATERIALIZE, "--select", "source/release_index")
        assert done.returncode == 0, done.stderr[-2000:]
        first, last = selected_releases_on_index(pipeline)
        ends = ("--partition-range", f"{first}...{last}")
        done = pipeline.command(*MATERIALIZE, "--select", "raw/result_pages*", *ends)
        assert done.returncode == 0, done.stderr[-2000:]
        assert pipeline.rows("SELECT DISTINCT release FROM clean.marks ORDER BY 1") == sorted(
            [(first,), (last,)]
        )
        pipeline.ouspark("cache", "verify")
        pipeline.ouspark("services", "down")
