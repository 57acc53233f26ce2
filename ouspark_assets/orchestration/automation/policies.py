"""What every asset is given beside its own definition.

When it follows, how fresh readers expect it, and how a range of releases becomes a run: given in
one place, so that the assets say only what they are.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.automation.lineage import FOLLOWS_LINEAGE
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION, key_of
from ouspark_assets.schemas.analytics import (
    COLLEGE_RANKINGS,
    DEPARTMENT_RANKINGS,
    STUDENT_RANKINGS,
)

# What people read is refreshed every night, even when nothing is new: a day and a margin.
FRESH = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=36)
)
WHAT_PEOPLE_READ = frozenset(
    [
        PUBLICATION,
        GENERATION,
        *map(key_of, (STUDENT_RANKINGS, COLLEGE_RANKINGS, DEPARTMENT_RANKINGS)),
    ]
)


def with_policies(assets: Iterable[Any]) -> list[dg.AssetsDefinition]:
    """The assets with their policies.

    A range of releases is one run, and whoever asks for one from the command line asks it of
    every asset of the selection, partitioned or not.
    """
    return [
        it.map_asset_specs(_with_policies).with_attributes(
            backfill_policy=dg.BackfillPolicy.single_run()
        )
        for it in assets
    ]


def _with_policies(spec: dg.AssetSpec) -> dg.AssetSpec:
    if spec.key in WHAT_PEOPLE_READ:
        spec = dg.apply_freshness_policy(spec, FRESH)
    if _follows_lineage(spec):
        spec = spec.replace_attributes(automation_condition=FOLLOWS_LINEAGE)
    return spec


def _follows_lineage(spec: dg.AssetSpec) -> bool:
    """Whether an asset follows by itself from what is above it.

    Not the index, which has nothing above it, nor the cache, which a sensor brings to the newest
    publication. Not what comes release by release: a check of `raw/result_pages` is not kept per
    release, so that the success of one would let pass what another was held back for.
    """
    return bool(spec.deps) and spec.partitions_def is None and spec.key != GENERATION
