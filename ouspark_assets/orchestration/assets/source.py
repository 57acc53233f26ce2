"""The university's index page as a table; every B.E. release on it becomes a partition.

How the page is read and merged into the table is in `pipeline/discover.py`.
"""

import dagster as dg

from ouspark_assets.orchestration.assets.recorded_stage import recorded_stage
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY
from ouspark_assets.orchestration.metadata import describe_merge, table_definition
from ouspark_assets.orchestration.partitions import register_releases, select_releases_to_register
from ouspark_assets.orchestration.resources import Development, ResultsSite
from ouspark_assets.pipeline.discover import update_release_index
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.records.computed_from import content_version

MAX_PROBLEMS_SHOWN = 20


@dg.asset(
    key=RELEASE_INDEX_KEY,
    group_name="source",
    kinds={"httpx", "postgres"},
    metadata=table_definition(RELEASE_INDEX),
)
def release_index(
    context: dg.AssetExecutionContext, development: Development, site: ResultsSite
) -> dg.MaterializeResult[None]:
    """One result link on the university's index page.

    Materializing it registers every B.E. release found as a partition. A release that is no longer
    on the page stays known.
    """
    with recorded_stage(context, development, RELEASE_INDEX.qualified_name) as stage:
        update = update_release_index(
            stage.connection, site.settings, site.url, stage.run_id, context.log.warning
        )
        new = register_releases(context.instance, select_releases_to_register(update.index))
        stage.record.rows_in = update.links
        stage.record.rows_written = update.change.rows
        stage.record.rows_changed = update.change.changed
        version = dg.DataVersion(content_version(stage.connection, RELEASE_INDEX))
    return dg.MaterializeResult(
        metadata=describe_merge(update.change)
        | {
            "index page": dg.MetadataValue.url(update.page_url),
            "links on the page": update.links,
            "new releases": new,
            "problems": list(update.problems[:MAX_PROBLEMS_SHOWN]),
        },
        data_version=version,
    )
