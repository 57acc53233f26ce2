"""The jobs that people or automation start; each is a named selection of assets.

The order within a job follows from the lineage. Maintenance jobs: `automation/maintenance.py`.
"""

import dagster as dg

from ouspark_assets.orchestration.keys import GENERATION, RELEASE_INDEX_KEY, RESULT_PAGES, key_of
from ouspark_assets.pipeline.load import LOADED_TABLES

# The run queue never starts two runs with the same of these tags: see `dagster.yaml`.
SCRAPES = {"ouspark/scrapes": "true"}
PUBLISHES = {"ouspark/publishes": "true"}
# Queued runs with a higher number start first: what readers wait for, then new releases, then
# releases that may have changed.
FIRST, SOON, LATER = ({"dagster/priority": str(number)} for number in (2, 1, 0))

_TABLES = dg.AssetSelection.assets(*(key_of(table) for table in LOADED_TABLES))
_PER_RELEASE = _TABLES | dg.AssetSelection.assets(RESULT_PAGES)
_INDEX = dg.AssetSelection.assets(RELEASE_INDEX_KEY)

read_index = dg.define_asset_job(
    "read_index", selection=_INDEX, description="Read the index page and register its releases."
)
bring_in_release = dg.define_asset_job(
    "bring_in_release",
    selection=_PER_RELEASE,
    tags=SCRAPES | LATER,
    description="Scrape the missing pages of a release and load it.",
)
bring_in_new_results = dg.define_asset_job(
    "bring_in_new_results",
    selection=_INDEX | _PER_RELEASE,
    tags=SCRAPES | SOON,
    description="Read the index page, then scrape and load one release or a range of them.",
)
load_again = dg.define_asset_job(
    "load_again",
    selection=_TABLES,
    description="Load a release again from the lake: applies the corrections and discards in the "
    "configuration, then replays its quarantined records. Nothing is fetched.",
)
follow_up = dg.define_asset_job(
    "follow_up",
    selection=dg.AssetSelection.all() - _PER_RELEASE - _INDEX,
    tags=PUBLISHES | FIRST,
    description="Compute everything from the loaded releases, publish it and prewarm the cache.",
)
prewarm = dg.define_asset_job(
    "prewarm",
    selection=dg.AssetSelection.assets(GENERATION),
    tags=FIRST,
    description="Prewarm the cache for the newest publication, unless it serves that already.",
)

JOBS = (read_index, bring_in_release, bring_in_new_results, load_again, follow_up, prewarm)
