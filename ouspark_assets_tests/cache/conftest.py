"""A client of the test's own cache."""

from collections.abc import Iterator

import pytest
import redis

from ouspark_assets.cache.client import connect_cache


@pytest.fixture
def client(cache_url: str) -> Iterator[redis.Redis]:
    """A client of an empty database."""
    with connect_cache(cache_url) as client:
        yield client
