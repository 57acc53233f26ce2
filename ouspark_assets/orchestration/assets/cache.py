"""The prewarmed cache of the newest publication.

Keys, documents and switching are in `cache/`.
"""

import dagster as dg
from pydantic import Field

from ouspark_assets.cache.generation import BuildResult, Lifetimes
from ouspark_assets.cache.prewarm import PrewarmOptions, prewarm
from ouspark_assets.orchestration.assets.stage import stage
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import CacheServer, Development, Production
from ouspark_assets.warehouse.publication.publications import Publication


class GenerationConfig(dg.Config):
    """What one run may ask for."""

    rebuild: bool = Field(default=False, description="Build anew even if nothing is missing")


@dg.asset(
    key=GENERATION,
    deps=[PUBLICATION],
    group_name="cache",
    kinds={"redis"},
)
def generation(
    context: dg.AssetExecutionContext,
    config: GenerationConfig,
    development: Development,
    production: Production,
    cache_server: CacheServer,
) -> dg.MaterializeResult[None]:
    """The prewarmed cache of the newest publication.

    Built beside the living generation and switched to by one command, so that a reader never
    meets an empty cache; the same publication again writes nothing.
    """
    with stage(context, development, "cache.generation") as work:
        publication, built = bring_up_to_date(production, cache_server, rebuild=config.rebuild)
        work.record.rows_written = work.record.rows_changed = built.keys
    memory = "unknown" if built.memory is None else built.memory
    return dg.MaterializeResult(
        metadata={
            "publication": publication.number,
            "generation": built.generation,
            "keys written": built.keys,
            "bytes written": built.bytes,
            "bytes of memory": memory,
        }
    )


def bring_up_to_date(
    production: Production, cache_server: CacheServer, *, rebuild: bool = False
) -> tuple[Publication, BuildResult]:
    """Bring the cache to the newest publication on the terms of the settings."""
    settings = cache_server.settings
    how = PrewarmOptions(
        top=settings.cache_top,
        lifetimes=Lifetimes(settings.cache_building_seconds, settings.cache_retired_seconds),
        wait_seconds=production.settings.publish_wait,
        rebuild=rebuild,
    )
    with (
        production.connected("prewarm lock") as lock,
        production.connected("prewarm") as source,
        cache_server.client() as client,
    ):
        return prewarm(lock, source, client, how)
