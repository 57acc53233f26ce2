"""`ouspark rebuild`: build every table again from the lake, without requesting a page."""

import time

import click

from ouspark_assets.cli.graph_runs import open_graph
from ouspark_assets.cli.summary import show_summary
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import Development, Lake, ResultsSite
from ouspark_assets.pipeline.discover import index_archived_releases
from ouspark_assets.settings import load_settings


def rebuild_tables() -> None:
    """Build every table again from the lake: parse, validate, compute, publish, prewarm."""
    started = time.monotonic()
    archive = Lake().archive()
    with Development().connected("rebuild") as connection:
        releases = index_archived_releases(connection, archive, lambda: ResultsSite().url, "cli")
    if not releases:
        click.echo("The lake is empty: there is nothing to rebuild from.")
        return
    with open_graph(load_settings(), "ouspark rebuild") as graph:
        register_releases(graph.instance, releases)
        runs = [graph.reload(release) for release in releases]
        runs.append(graph.follow_up())
    show_summary(runs, time.monotonic() - started)
