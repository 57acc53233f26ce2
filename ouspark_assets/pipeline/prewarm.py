"""Prewarm: bring the cache to the newest publication, with the connections that this needs.

Documents, keys and switching between generations are in `cache/`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from redis import Redis

from ouspark_assets.cache.generation import BuildResult
from ouspark_assets.cache.prewarm import prewarm
from ouspark_assets.settings import CacheSettings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import Publication


def prewarm_cache(
    connect_production: Callable[[str], AbstractContextManager[Connection]],
    connect_cache: Callable[[], AbstractContextManager[Redis]],
    settings: CacheSettings,
    *,
    wait_seconds: float,
    rebuild: bool = False,
) -> tuple[Publication, BuildResult]:
    """Build the generation of the newest publication and make it current.

    Writes nothing if that generation is current and complete, unless `rebuild` is set.
    """
    with (
        connect_production("prewarm lock") as lock,
        connect_production("prewarm") as source,
        connect_cache() as client,
    ):
        return prewarm(lock, source, client, settings, wait_seconds=wait_seconds, rebuild=rebuild)
