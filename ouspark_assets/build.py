"""The one place where the graph is put together: assets, checks, resources, executor.

Tests and the command line pass their own resources; everything else uses the defaults.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ouspark_assets.analytics_checks import analytics_checks
from ouspark_assets.assets import analytics, cache, clean, production, raw, reference, source
from ouspark_assets.checks import model_checks, reference_checks
from ouspark_assets.executor import executor_of
from ouspark_assets.jobs import JOBS
from ouspark_assets.resources import default_resources
from ouspark_assets.settings import load_settings

ASSET_MODULES = (source, raw, clean, reference, analytics, production, cache)


def build_definitions(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole graph; `resources` replaces defaults by name."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(list(ASSET_MODULES)),
        asset_checks=[*model_checks(), *reference_checks(), *analytics_checks()],
        jobs=JOBS,
        resources={**default_resources(), **(resources or {})},
        executor=executor_of(load_settings()),
    )
