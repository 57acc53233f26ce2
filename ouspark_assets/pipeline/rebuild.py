"""Rebuild: which releases of the lake are loaded again, without asking the results site."""

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl

from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_index import make_release_row, merge_index
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction


def index_archived_releases(
    connection: Connection, archive: PageArchive, find_site_url: Callable[[], str], run_id: str
) -> list[str]:
    """Return the releases of the lake, oldest first, after adding those missing in the index.

    The index lacks releases when the database is new; `find_site_url` is called only then.
    """
    archived = archive.releases()
    with write_transaction(connection, run_id) as writer:
        index = read_table(connection, RELEASE_INDEX)
        for release in sorted(set(archived) - set(index["release"])):
            row = make_release_row(release, find_site_url(), seen_at=datetime.now(UTC))
            index = merge_index(index, row)
        writer.merge(RELEASE_INDEX, [index])
    ordered = in_release_order(index)
    return ordered.filter(pl.col("release").is_in(archived))["release"].to_list()
