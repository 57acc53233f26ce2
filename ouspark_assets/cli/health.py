"""`ouspark health`: one line per part of the installation, and an exit code for health checks.

The checks are in `orchestration/supervision/health.py`, the loop of `--watch` in `monitor.py`
there.
"""

import os
from pathlib import Path

import click

from ouspark_assets.cli.output import console, printable_text, show_json, show_notice
from ouspark_assets.operations.health import HealthReport, Part, summarize
from ouspark_assets.settings import load_settings

EXIT_UNHEALTHY = 1
WORKSPACE_FILE = "workspace.yaml"


def report_health(
    *, parts: tuple[str, ...], code_server: str | None, watch: bool, as_json: bool
) -> None:
    """Check the parts and show them, or watch them; exit with 1 if one is not healthy."""
    settings, workspace = load_settings(), find_workspace()
    if watch:
        from ouspark_assets.orchestration.supervision.monitor import run_monitor

        run_monitor(settings, workspace, code_server, show_notice)
        return
    # Dagster is imported only for parts that need its records.
    from ouspark_assets.orchestration.supervision.health import check_health

    chosen = [Part(part) for part in parts] or list(Part)
    report = check_health(settings, workspace, chosen, code_server)
    _show(report, as_json=as_json)
    if report.unhealthy:
        raise click.exceptions.Exit(EXIT_UNHEALTHY)


def find_workspace() -> Path:
    """Return the workspace file next to `dagster.yaml`."""
    return Path(os.environ["DAGSTER_HOME"]) / WORKSPACE_FILE


def _show(report: HealthReport, *, as_json: bool) -> None:
    if as_json:
        parts = [
            {"part": part.part.value, "healthy": part.is_healthy, "detail": part.detail}
            for part in report.parts
        ]
        show_json({"healthy": not report.unhealthy, "at": report.at, "parts": parts})
        return
    width = max(len(part.part.value) for part in report.parts)
    for part in report.parts:
        state = "healthy" if part.is_healthy else "FAILED "
        line = f"{part.part.value:<{width}}  {state}  {part.detail}"
        console().print(printable_text(line), soft_wrap=True)
    if report.unhealthy:
        click.echo(summarize(report.parts), err=True)
