"""Builds the Dagster definitions: assets, checks, jobs, automation, resources, executor, logger.

What the parts do is in their own modules. Tests and the command line pass their own resources;
everything else uses the defaults.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.assets import (
    analytics,
    cache,
    clean,
    production,
    raw,
    reference,
    source,
)
from ouspark_assets.orchestration.automation import AUTOMATIC_JOBS, all_schedules, all_sensors
from ouspark_assets.orchestration.automation.lineage import apply_policies
from ouspark_assets.orchestration.checks.check_results import standalone_checks
from ouspark_assets.orchestration.console_logger import console, replace_default_console_logger
from ouspark_assets.orchestration.executors.executor import apply_backfill_policy, select_executor
from ouspark_assets.orchestration.jobs import JOBS
from ouspark_assets.orchestration.metadata import add_owners_and_tags
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.services.private_files import restrict_permissions
from ouspark_assets.settings import load_settings
from ouspark_assets.settings.environment import warn_of_misspelt_variables

ASSET_MODULES = (source, raw, clean, reference, analytics, production, cache)


def build_definitions(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions; `resources` replaces default resources of the same name."""
    settings = load_settings()
    restrict_permissions(settings.servers.home, settings.servers.lake_location)
    warn_of_misspelt_variables()
    replace_default_console_logger()
    assets = add_owners_and_tags(apply_policies(dg.load_assets_from_modules(list(ASSET_MODULES))))
    return dg.Definitions(
        assets=apply_backfill_policy(assets, settings.runs),
        asset_checks=standalone_checks(),
        jobs=[*JOBS, *AUTOMATIC_JOBS],
        sensors=all_sensors(settings.automation),
        schedules=all_schedules(settings.automation),
        resources={**default_resources(), **(resources or {})},
        executor=select_executor(settings.runs),
        loggers={"console": console},
    )
