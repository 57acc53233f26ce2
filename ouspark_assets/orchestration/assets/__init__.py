"""The assets, one module per group: each reads, calls the use case in `pipeline/`, and reports.

Only dependencies between assets and the metadata of a materialization belong here.
"""

import warnings

from dagster import BetaWarning

# BackfillPolicy has been in beta for years, and the version of Dagster is pinned.
warnings.filterwarnings("ignore", category=BetaWarning, message=".*backfill_policy.*")
