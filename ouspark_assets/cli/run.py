"""`ouspark run`: everything from the index page to the warm cache, and a summary at the end.

Through Dagster, on the instance that the UI shows: a run for the index, one per release, one for
all that follows from them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import dagster as dg
import polars as pl

from ouspark_assets.cli.graph_runs import Graph, GraphRun, succeeded
from ouspark_assets.cli.leftovers import sweep_leftovers
from ouspark_assets.cli.output import show_notice
from ouspark_assets.cli.progress import ScrapeProgress
from ouspark_assets.cli.standing import (
    Standing,
    everything_that_stands,
    has_followed_up,
    what_it_would_be_computed_from,
)
from ouspark_assets.cli.summary import show_summary
from ouspark_assets.domain.releases import require_release_key
from ouspark_assets.orchestration.assets.raw import tickets_of
from ouspark_assets.orchestration.automation.alert_evaluation import alerts_after
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY, RESULT_PAGES
from ouspark_assets.orchestration.resources import Development, Lake, Progress
from ouspark_assets.pipeline.outstanding_work import unfinished_releases
from ouspark_assets.pipeline.scrape import known_codes
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import load_settings, project_root
from ouspark_assets.sources.results_site.release_index import (
    find_releases_without_scheme,
    select_releases,
)
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest
from ouspark_assets.sources.results_site.scraper import plan_scrape
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.records.loads import loaded


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    releases: tuple[str, ...] = ()
    since: int | None = None
    every: bool = False
    tickets: Path | None = None
    recheck: bool = False
    refetch: bool = False

    @property
    def named(self) -> bool:
        """Whether work is asked for that a complete release needs too."""
        return bool(self.releases or self.tickets or self.recheck or self.refetch)

    def scrape_config(self) -> dict[str, object]:
        """The run configuration of the scraping asset."""
        config = {
            "tickets_file": str(self.tickets.resolve()) if self.tickets else None,
            "recheck": self.recheck,
            "refetch": self.refetch,
        }
        return {RESULT_PAGES.to_python_identifier(): {"config": config}}


@click.command()
@click.option("--release", "releases", multiple=True, metavar="KEY", help="Only these releases.")
@click.option(
    "--since",
    type=click.IntRange(1990, 2100),
    metavar="YEAR",
    help="Releases of sessions from this year on.",
)
@click.option("--all", "every", is_flag=True, help="Every B.E. (CBCS or AICTE) release.")
@click.option(
    "--tickets",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask exactly the hall tickets in this file, one per line.",
)
@click.option("--recheck", is_flag=True, help="Ask again for not found and pending (90 days).")
@click.option("--refetch", is_flag=True, help="Ask again for everything, archived or not.")
@click.option("--verbose", is_flag=True, help="Show Dagster's log.")
def run(*, verbose: bool, **asked: Any) -> None:
    """Discover, scrape, clean, compute, publish, prewarm.

    Without options: every B.E. (CBCS or AICTE) release of the last year that is not complete yet,
    oldest first. Running again is always safe and goes on where the last run ended.
    """
    options = Options(**asked)
    if options.since is not None and options.every:
        message = "--since and --all exclude each other"
        raise click.UsageError(message)
    for release in options.releases:
        require_release_key(release)
    started = time.monotonic()
    sweep_leftovers(project_root())
    with dg.DagsterInstance.get() as instance, ScrapeProgress() as progress:
        definitions = build_definitions({"progress": Progress.shown_by(progress.show)})
        with alerts_after(instance, definitions, "ouspark run", show_notice):
            graph = Graph(definitions, instance, verbose)
            runs, standing = _bring_everything_in(graph, options)
    show_summary(runs, time.monotonic() - started, standing)


def _bring_everything_in(graph: Graph, options: Options) -> tuple[list[GraphRun], Standing | None]:
    """The runs that were needed, and what stands if that was none but reading the index."""
    runs = [succeeded(graph.materialize([RELEASE_INDEX_KEY]))]
    wanted = _wanted_releases(options)
    _announce(options, wanted)
    if not wanted and (standing := everything_that_stands()):
        return runs, standing
    config = options.scrape_config()
    runs += [graph.bring_in(release, config) for release in wanted]
    digest = what_it_would_be_computed_from()
    runs.append(graph.follow_up())
    has_followed_up(digest)
    return runs, None


def _wanted_releases(options: Options) -> list[str]:
    """The releases to bring in: whatever is asked for and not both archived and loaded."""
    with Development().connected("run") as connection:
        index = read_table(connection, RELEASE_INDEX)
        tables = loaded(connection)
    _warn_of_what_is_left_out(index, options)
    candidates = select_releases(
        index, releases=options.releases, since=options.since, all_=options.every
    )
    if options.named:
        return candidates
    unfinished = unfinished_releases(
        load_settings().site, index, tables, Lake().archive(), candidates
    )
    return [it.release for it in unfinished]


def _warn_of_what_is_left_out(index: pl.DataFrame, options: Options) -> None:
    left_out = find_releases_without_scheme(index)
    if left_out and not (options.named or options.every):
        click.echo(
            f"Left out, as their titles name neither CBCS nor AICTE: {', '.join(left_out)}. "
            "Name them with --release to bring them in.",
            err=True,
        )


def _announce(options: Options, releases: Sequence[str]) -> None:
    """Say how many requests it will be, before the first one."""
    if not releases:
        click.echo("Nothing new on the index: every release asked for is complete.")
        return
    with Development().connected("run") as connection:
        index = read_table(connection, RELEASE_INDEX)
    archive, codes, settings = Lake().archive(), known_codes(), load_settings().site
    total = 0
    for release in releases:
        request = replace(
            ScrapeRequest.from_index(index, release),
            tickets=tickets_of(options.tickets) if options.tickets else None,
            recheck=options.recheck,
            refetch=options.refetch,
        )
        plan, answered = plan_scrape(settings, request, archive, codes)
        total += max(plan.estimate().likely - len(answered), 0)
    named = ", ".join(releases)
    plural = "s" if len(releases) > 1 else ""
    click.echo(f"{len(releases)} release{plural} to bring in ({named}): about {total} requests.")
