"""`ouspark rebuild`: every table made anew from the lake, without asking the site for a page."""

import time
from datetime import UTC, datetime

import click
import dagster as dg
import polars as pl

from ouspark_assets.cli.graph_runs import Graph
from ouspark_assets.cli.summary import show_summary
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import Development, Lake, ResultsSite
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_index import make_release_row, merge_index
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import writing


@click.command()
def rebuild() -> None:
    """Make every table anew from the lake: parse, validate, compute, publish, prewarm.

    Rows that come out as they are stored are left alone; corrections by hand are applied again.
    """
    started = time.monotonic()
    releases = _archived_releases()
    if not releases:
        click.echo("The lake is empty: there is nothing to rebuild from.")
        return
    with dg.DagsterInstance.get() as instance:
        register_releases(instance, releases)
        graph = Graph(build_definitions(), instance)
        runs = [graph.reload(release) for release in releases]
        runs.append(graph.follow_up())
    show_summary(runs, time.monotonic() - started)


def _archived_releases() -> list[str]:
    """The releases of the lake, oldest first; one that a lost index does not know is added."""
    archived = Lake().archive().releases()
    with Development().connected("rebuild") as connection, writing(connection, "cli") as writer:
        index = read_table(connection, RELEASE_INDEX)
        for release in sorted(set(archived) - set(index["release"])):
            row = make_release_row(release, ResultsSite().url, seen_at=datetime.now(UTC))
            index = merge_index(index, row)
        writer.merge(RELEASE_INDEX, [index])
    ordered = in_release_order(index)
    return ordered.filter(pl.col("release").is_in(archived))["release"].to_list()
