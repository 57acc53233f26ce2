"""Jobs that people start from the UI: parts of the graph under a name that says what for.

Which assets depend on which is the graph's own business; nothing is computed here.
"""

import dagster as dg

from ouspark_assets.assets.clean import TABLES_OF_A_LOAD
from ouspark_assets.assets.source import RELEASE_INDEX_KEY
from ouspark_assets.assets.stage import key_of
from ouspark_assets.scrape_checks import RESULT_PAGES

_TABLES = dg.AssetSelection.assets(*(key_of(table) for table in TABLES_OF_A_LOAD))
_PER_RELEASE = _TABLES | dg.AssetSelection.assets(RESULT_PAGES)
_INDEX = dg.AssetSelection.assets(RELEASE_INDEX_KEY)

read_index = dg.define_asset_job(
    "read_index", selection=_INDEX, description="Read the index page and register its releases."
)
bring_in_release = dg.define_asset_job(
    "bring_in_release",
    selection=_PER_RELEASE,
    description="Scrape what is missing of a release and load it.",
)
load_again = dg.define_asset_job(
    "load_again",
    selection=_TABLES,
    description="Load a release again from the lake: replays its quarantined records, after the "
    "corrections and discards in the configuration have been carried out. Nothing is fetched.",
)
follow_up = dg.define_asset_job(
    "follow_up",
    selection=dg.AssetSelection.all() - _PER_RELEASE - _INDEX,
    description="Compute, publish and prewarm what follows from all that is loaded.",
)

JOBS = (read_index, bring_in_release, load_again, follow_up)
