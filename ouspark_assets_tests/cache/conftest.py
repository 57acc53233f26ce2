"""A cache of its own for every test: a database of the embedded server per worker, emptied."""

from collections.abc import Iterator

import pytest
import redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.services import Endpoints


@pytest.fixture
def cache_url(servers: Endpoints, worker_id: str) -> str:
    """The address of the worker's own database."""
    number = 1 + int(worker_id.removeprefix("gw")) if worker_id != "master" else 15
    return servers.redis_url.removesuffix("/0") + f"/{number}"


@pytest.fixture
def client(cache_url: str) -> Iterator[redis.Redis]:
    """A client of an empty database."""
    with connect_cache(cache_url) as client:
        client.flushdb()
        yield client
        client.flushdb()
