"""What every Dagster command loads."""

from ouspark_assets.build import build_definitions

defs = build_definitions()
