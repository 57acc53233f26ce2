"""A client of the test's own, empty cache."""

from collections.abc import Iterator

import pytest
import redis

from ouspark_assets.cache.client import connect_cache


@pytest.fixture
def client(cache_url: str) -> Iterator[redis.Redis]:
    """Yield a client of the test's cache."""
    with connect_cache(cache_url) as client:
        yield client
