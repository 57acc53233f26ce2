"""The university's index page as a table, and every B.E. release on it as a partition.

Reading the page and its titles is `site/`.
"""

import asyncio
from datetime import UTC, datetime

import dagster as dg

from ouspark_assets.orchestration.assets.stage import stage
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY
from ouspark_assets.orchestration.metadata import change_counts, row_count, table_definition
from ouspark_assets.orchestration.partitions import register_releases, releases_to_register
from ouspark_assets.orchestration.resources import Development, ResultsSite
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.validation import require_valid
from ouspark_assets.sources.results_site.release_index import (
    merge_index,
    parse_index,
    require_links,
)
from ouspark_assets.sources.results_site.site_index import fetch_index
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import writing

MOST_PROBLEMS_SHOWN = 20


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

    Materializing it registers every B.E. release found as a partition; a release that
    disappears from the page stays known.
    """
    with stage(context, development, RELEASE_INDEX.qualified_name) as work:
        page = asyncio.run(fetch_index(site.settings, site.url))
        reading = parse_index(page.body or b"", page.url, seen_at=datetime.now(UTC))
        for problem in reading.problems:
            context.log.warning(problem)
        require_links(reading, page.url)
        with writing(work.connection, context.run.run_id) as writer:
            known = read_table(work.connection, RELEASE_INDEX)
            index = merge_index(known, reading.frame)
            require_valid(RELEASE_INDEX, index)
            change = writer.merge(RELEASE_INDEX, [index])
        new = register_releases(context.instance, releases_to_register(index))
        work.record.rows_in = reading.frame.height
        work.record.rows_written, work.record.rows_changed = change.rows, change.changed
    return dg.MaterializeResult(
        metadata=row_count(index.height)
        | change_counts(change.written, change.removed)
        | {
            "index page": dg.MetadataValue.url(page.url),
            "links on the page": reading.frame.height,
            "new releases": new,
            "problems": list(reading.problems[:MOST_PROBLEMS_SHOWN]),
        }
    )
