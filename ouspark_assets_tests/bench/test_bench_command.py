"""`ouspark bench --quick`: every benchmark runs, and says what it should; never how fast it is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ouspark_assets.bench.benchmark import BENCHMARKS
from ouspark_assets.bench.environment import temporary_room
from ouspark_assets.bench.references import BenchError, Interpreter, completed

OUSPARK = Path(sys.executable).parent / "ouspark"


def quick(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A database of somebody else's in the environment must not be met.
    hostile = {"OUSPARK_DEV_DSN": "postgresql://nobody@127.0.0.1:1/elsewhere"}
    return subprocess.run(
        [str(OUSPARK), "bench", "--quick", *arguments],
        env={**os.environ, **hostile},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def figures_of(name: str, *arguments: str) -> list[dict[str, Any]]:
    done = quick(name, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["machine"]["cores"] == os.cpu_count()
    (benchmark,) = told["benchmarks"]
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
def test_a_benchmark_measures_what_its_budgets_are_about(name: str, budgets: set[str]) -> None:
    figures = figures_of(name)
    found = [figure["budget"] for figure in figures if figure["budget"]]
    expected = budgets if name != "scrape" or Interpreter.usual().has("scrapy") else set()
    assert {f"{budget['bound']} {budget['limit']:g}" for budget in found} == expected


@pytest.mark.full
def test_the_whole_way_is_measured_twice_and_says_where_the_time_went() -> None:
    done = quick("end-to-end")
    assert done.returncode == 0, done.stderr
    assert "from empty to warm cache: the work" in done.stdout
    assert "again, nothing new: the work" in done.stdout
    assert "raw.result_pages" in done.stdout


def test_references_that_are_not_installed_are_left_out_and_said_so(tmp_path: Path) -> None:
    picture = tmp_path / "ratios.svg"
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    done = quick("scrape", "--python", str(bare), "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    assert "Scrapy is not installed: left out" in done.stdout
    assert "httpx as it comes" in picture.read_text("utf-8")


def test_an_unknown_benchmark_is_refused_with_the_known_ones_named() -> None:
    done = quick("speed")
    assert done.returncode != 0
    assert all(name in done.stderr for name in BENCHMARKS)


def test_a_room_ignores_the_environment_and_is_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://nobody@127.0.0.1:1/elsewhere")
    monkeypatch.setenv("OUSPARK_SITE_CONCURRENCY", "3")
    with temporary_room() as room:
        assert room.settings.servers.dev_dsn is None
        assert room.settings.site.site_concurrency == 32
        assert str(room.home) in room.servers.dev_dsn
        assert "OUSPARK_DEV_DSN" not in room.environment
    assert not room.home.exists()


def test_a_reference_that_fails_is_one_line_with_its_last_words() -> None:
    with pytest.raises(BenchError, match=r"exit status 3\): out of luck"):
        completed([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])
