"""What every Dagster command loads."""

from ouspark_assets.orchestration.build import build_definitions

defs = build_definitions()
