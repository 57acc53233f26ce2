"""`ouspark bench --quick`: every benchmark runs and prints its figures. Speed is not tested."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ouspark_assets.bench.bench_environment import temporary_environment
from ouspark_assets.bench.benchmark import BENCHMARKS, FULL
from ouspark_assets.bench.references import BenchError, Interpreter, run_program

OUSPARK = Path(sys.executable).parent / "ouspark"


def test_a_smaller_benchmark_is_smaller_in_every_part() -> None:
    small = FULL.with_students(500)
    assert (small.students, small.published_students, small.end_to_end_students) == (500,) * 3
    large = FULL.with_students(1_000_000)
    assert (large.students, large.published_students) == (1_000_000, FULL.published_students)


def run_quick(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The benchmark must ignore a database named in the environment.
    foreign = {"OUSPARK_DEV_DSN": "postgresql://nobody@127.0.0.1:1/elsewhere"}
    return subprocess.run(
        [str(OUSPARK), "bench", "--quick", *arguments],
        env={**os.environ, **foreign},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def measure_figures(name: str, *arguments: str) -> list[dict[str, Any]]:
    done = run_quick(name, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["machine"]["cores"] == os.cpu_count()
    (benchmark,) = printed["benchmarks"]
    assert benchmark["name"] == name
    figures: list[dict[str, Any]] = benchmark["figures"]
    assert all(value > 0 for figure in figures for value in figure["ours"]["values"])
    return figures


@pytest.mark.parametrize(
    ("name", "budgets"),
    [
        pytest.param("scrape", {"≥ 3"}, marks=pytest.mark.full),
        pytest.param("parse", {"≥ 1500"}, marks=pytest.mark.full),
        pytest.param("load", {"≥ 0.8", "≥ 0.5"}, marks=pytest.mark.full),
        pytest.param("analytics", {"≤ 11"}, marks=pytest.mark.full),
        pytest.param("publish", {"≤ 0.1", "≤ 0.25"}, marks=pytest.mark.full),
        pytest.param("cache", {"≥ 0.8"}, marks=pytest.mark.full),
    ],
)
def test_a_benchmark_measures_every_figure_that_has_a_budget(name: str, budgets: set[str]) -> None:
    figures = measure_figures(name)
    found = [figure["budget"] for figure in figures if figure["budget"]]
    expected = budgets if name != "scrape" or Interpreter.default().has("scrapy") else set()
    assert {f"{budget['bound']} {budget['limit']:g}" for budget in found} == expected


@pytest.mark.full
def test_end_to_end_measures_both_runs_and_prints_where_the_time_went() -> None:
    done = run_quick("end-to-end")
    assert done.returncode == 0, done.stderr
    assert "from empty to warm cache: the work" in done.stdout
    assert "again, nothing new: the work" in done.stdout
    assert "raw.result_pages" in done.stdout


def test_a_missing_reference_is_left_out_and_noted(tmp_path: Path) -> None:
    picture = tmp_path / "ratios.svg"
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    done = run_quick("scrape", "--python", str(bare), "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    assert "Scrapy is not installed: left out" in done.stdout
    assert "httpx as it comes" in picture.read_text("utf-8")


def test_an_unknown_benchmark_is_refused_with_a_list_of_the_known_ones() -> None:
    done = run_quick("speed")
    assert done.returncode != 0
    assert all(name in done.stderr for name in BENCHMARKS)


def test_the_temporary_environment_ignores_environment_variables_and_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://nobody@127.0.0.1:1/elsewhere")
    monkeypatch.setenv("OUSPARK_SITE_CONCURRENCY", "3")
    with temporary_environment() as bench:
        assert bench.settings.servers.dev_dsn is None
        assert bench.settings.site.site_concurrency == 32
        assert str(bench.home) in bench.servers.dev_dsn
        assert "OUSPARK_DEV_DSN" not in bench.variables
    assert not bench.home.exists()


def test_the_error_of_a_failed_reference_has_its_last_line() -> None:
    with pytest.raises(BenchError, match=r"exit status 3\): out of luck"):
        run_program([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])
