"""`ouspark ui`: the Dagster UI with everything behind it, until it is interrupted.

Which processes that takes, and how they are restarted, is in `orchestration/supervision/`.
"""

from ouspark_assets.cli.output import show_notice
from ouspark_assets.orchestration.supervision.ui_supervisor import supervise_ui
from ouspark_assets.settings import load_settings


def run_ui(*, host: str, port: int) -> None:
    """Run the UI until it is interrupted."""
    supervise_ui(load_settings().servers, host, port, show_notice)
