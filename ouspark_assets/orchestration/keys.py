"""The keys of the assets: where each one is stored.

Separate from `assets/`, so that checks, jobs and automation can name an asset without importing it.
"""

import dagster as dg

from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table


def key_of(table: Table) -> dg.AssetKey:
    """Return the asset key of a table: its schema and name."""
    return dg.AssetKey([table.schema, table.name])


RELEASE_INDEX_KEY = key_of(RELEASE_INDEX)
RESULT_PAGES = dg.AssetKey(["raw", "result_pages"])
PUBLICATION = dg.AssetKey(["production", "publication"])
GENERATION = dg.AssetKey(["cache", "generation"])
