"""Fixtures for the tests of the results site."""

from pathlib import Path

import pytest

from ouspark_assets.sources.results_site.archive import PageArchive


@pytest.fixture
def archive(tmp_path: Path) -> PageArchive:
    """An empty lake."""
    return PageArchive(str(tmp_path / "lake"))
