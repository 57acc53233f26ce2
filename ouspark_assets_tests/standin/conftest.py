"""Fixtures of the session: a running stand-in, a client for it, its truth, and the same world."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.process import RunningStandin, running_standin
from ouspark_assets.standin.world import World
from ouspark_assets_tests.standin.scraper import RELEASES, SEED, STUDENTS


@pytest.fixture(scope="session")
def site() -> Iterator[RunningStandin]:
    with running_standin(students=STUDENTS, releases=RELEASES, seed=SEED) as running:
        yield running


@pytest.fixture(scope="session")
def client(site: RunningStandin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def truth(
    site: RunningStandin, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pl.DataFrame]:
    folder = site.export(tmp_path_factory.mktemp("truth"))
    return {path.stem: pl.read_parquet(path) for path in sorted(Path(folder).glob("*.parquet"))}


@pytest.fixture(scope="session")
def world() -> World:
    return World(Scale(SEED, STUDENTS, RELEASES))
