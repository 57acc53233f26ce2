"""What every Dagster command loads."""

from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.supervision.code_server import register_code_server
from ouspark_assets.settings import load_settings

register_code_server(load_settings().servers)
defs = build_definitions()
