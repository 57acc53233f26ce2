"""Dagster's own commands work in the repository as Dagster's documentation says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.support.pipeline import ROOT, Pipeline

MODULE = ("-m", "ouspark_assets.definitions")


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with running_standin(students=40, releases=1, seed=3) as site:
        pipeline = Pipeline(tmp_path / "home", site.url)
        yield pipeline
        pipeline.ouspark("services", "down")


@pytest.mark.parametrize(
    "command",
    [
        ("dagster", "definitions", "validate", "-w", "workspace.yaml"),
        pytest.param(("dagster", "definitions", "validate"), marks=pytest.mark.full),
        pytest.param(("dg", "check", "defs"), marks=pytest.mark.full),
    ],
    ids=" ".join,
)
def test_definitions_load_without_any_server(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = Pipeline(tmp_path / "home", "http://127.0.0.1:1").command(*command)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home" / "services").exists()


@pytest.mark.parametrize(
    "without",
    [
        pytest.param(("DAGSTER_HOME",), id="home-is-unset"),
        pytest.param((), id="home-is-the-root", marks=pytest.mark.full),
    ],
)
def test_a_release_materialized_by_dagster_is_known_to_ouspark(
    pipeline: Pipeline, without: tuple[str, ...]
) -> None:
    def materialize(*arguments: str) -> None:
        command = ("dagster", "asset", "materialize", *MODULE, *arguments)
        done = pipeline.command(*command, without=without)
        assert done.returncode == 0, done.stderr[-2000:]

    materialize("--select", "source/release_index")
    listed = json.loads(pipeline.ouspark("releases", "list", "--json").stdout)
    (release,) = [row["release"] for row in listed if row["scheme"] in ("CBCS", "AICTE")]
    materialize("--select", "raw/result_pages*", "--partition", release)
    assert pipeline.rows("SELECT count(*) FROM clean.students") == [(40,)]
    assert "Nothing new" in pipeline.ouspark("run").stdout
    assert not list(ROOT.glob(".tmp_dagster_home_*"))
