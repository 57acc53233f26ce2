"""The prewarmed cache of the newest publication.

How it is built and made current is in `cache/`.
"""

import dagster as dg
from pydantic import Field

from ouspark_assets.cache.prewarm import prewarm_cache
from ouspark_assets.orchestration.assets.recorded_stage import recorded_stage
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import CacheServer, Development, Production


class GenerationConfig(dg.Config):
    """What one run may ask for."""

    rebuild: bool = Field(
        default=False, description="Build a new generation even if no key is missing"
    )


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

    A new generation is built alongside the current one and made current by one command, so that
    readers never find an empty cache. The same publication again writes nothing.
    """
    with recorded_stage(context, development, "cache.generation") as stage:
        publication, built = prewarm_cache(
            production.connected,
            cache_server.client,
            cache_server.settings,
            wait_seconds=production.settings.publish_wait,
            rebuild=config.rebuild,
        )
        stage.record.rows_written = stage.record.rows_changed = built.keys
    return dg.MaterializeResult(
        metadata={
            "publication": publication.number,
            "generation": built.generation,
            "keys written": built.keys,
            "bytes written": built.bytes,
            "bytes of memory": "unknown" if built.memory is None else built.memory,
        },
        data_version=dg.DataVersion(built.generation),
    )
