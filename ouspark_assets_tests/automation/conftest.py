"""What automation works on in these tests: an instance of Dagster, databases, a cache, a lake."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.services import Endpoints
from ouspark_assets_tests.conftest import Databases
from ouspark_assets_tests.publishing import Opened, World

FIRST_DATABASE = 5


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that forgets."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def world(
    servers: Endpoints,
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worker_id: str,
) -> Iterator[World]:
    """Two databases, a cache and a lake that the settings lead to."""
    own = 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))
    cache_url = f"{servers.redis_url.removesuffix('/0')}/{FIRST_DATABASE + own % 3}"
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)
    monkeypatch.setenv("OUSPARK_REDIS_URL", cache_url)
    monkeypatch.setenv("OUSPARK_LAKE", str(tmp_path / "lake"))
    with connect_cache(cache_url) as client:
        client.flushdb()
        yield World(databases, cache_url)
        client.flushdb()


@pytest.fixture
def opened(world: World) -> Iterator[Opened]:
    """Connections to it."""
    with world.open() as opened:
        yield opened
