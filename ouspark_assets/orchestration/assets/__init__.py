"""The assets, a module per group: read, call, write, report.

What a number means, how a page is read or how rows are written is in the rooms below; here is
only what depends on what, and what a materialization tells.
"""

import warnings

from dagster import BetaWarning

# BackfillPolicy has been in beta for years; the pinned minor version is what we rely on.
warnings.filterwarnings("ignore", category=BetaWarning, message=".*backfill_policy.*")
