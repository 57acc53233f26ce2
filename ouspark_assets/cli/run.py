"""`ouspark run`: everything from the index page to the warm cache, and a summary at the end.

Everything is done by runs of Dagster, on the instance that the UI shows: one for the index, one
per release, and one for all that follows from them.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import dagster as dg

from ouspark_assets.cli.graph_runs import Graph, GraphRun, require_success
from ouspark_assets.cli.leftovers import remove_leftover_homes
from ouspark_assets.cli.output import show_notice
from ouspark_assets.cli.progress import ScrapeProgressBar
from ouspark_assets.cli.summary import show_summary
from ouspark_assets.domain.releases import require_release_key
from ouspark_assets.orchestration.automation.alert_evaluation import alerts_after
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY, RESULT_PAGES
from ouspark_assets.orchestration.resources import (
    CacheServer,
    Development,
    Lake,
    Production,
    Progress,
)
from ouspark_assets.pipeline.outstanding_work import find_unfinished_releases
from ouspark_assets.pipeline.scrape import (
    ScrapeOptions,
    build_request,
    estimate_requests,
    read_tickets_file,
)
from ouspark_assets.pipeline.up_to_date import (
    ServedState,
    follow_up_digest,
    served_state_if_current,
)
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import Settings, SiteSettings, load_settings, project_root
from ouspark_assets.sources.equivalent_codes import read_equivalent_codes
from ouspark_assets.sources.results_site.release_index import (
    find_releases_without_scheme,
    select_releases,
)
from ouspark_assets.sources.results_site.sentence_rules import read_sentence_rules
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.records.follow_ups import store_digest
from ouspark_assets.warehouse.records.loads import loaded_fingerprints

COMMAND = "ouspark run"


def run_graph(
    *,
    releases: tuple[str, ...],
    since: int | None,
    every: bool,
    tickets: Path | None,
    recheck: bool,
    refetch: bool,
    verbose: bool,
) -> None:
    """Discover, scrape, clean, compute, publish, prewarm."""
    for release in releases:
        require_release_key(release)
    if tickets is not None:
        read_tickets_file(tickets)
    started = time.monotonic()
    remove_leftover_homes(project_root())
    settings = load_settings()
    # Malformed files are reported before anything is requested, not hours later.
    read_equivalent_codes(settings.analytics.equivalent_codes)
    read_sentence_rules(settings.site.site_sentences)
    options = ScrapeOptions(tickets, recheck=recheck, refetch=refetch)
    with dg.DagsterInstance.get() as instance, ScrapeProgressBar() as progress:
        definitions = build_definitions({"progress": Progress.shown_by(progress.show)})
        with alerts_after(instance, definitions, COMMAND, show_notice):
            graph = Graph(definitions, instance, settings, COMMAND, verbose)
            runs = [require_success(graph.materialize([RELEASE_INDEX_KEY]))]
            wanted = _wanted_releases(settings.site, releases, since, options, every=every)
            served = None if wanted else _served_state_if_current(settings)
            if served is None:
                runs += _bring_in(graph, wanted, options)
    show_summary(runs, time.monotonic() - started, served)


def _wanted_releases(
    settings: SiteSettings,
    named: Sequence[str],
    since: int | None,
    options: ScrapeOptions,
    *,
    every: bool,
) -> list[str]:
    """Return the releases to scrape and load, and print how many requests that will take."""
    with Development().connected("run") as connection:
        index = read_table(connection, RELEASE_INDEX)
        fingerprints = loaded_fingerprints(connection)
    # Options that apply to complete releases too.
    is_explicit = bool(named) or options != ScrapeOptions()
    if not (is_explicit or every) and (unselected := find_releases_without_scheme(index)):
        show_notice(
            f"Not selected, because their titles name neither CBCS nor AICTE: "
            f"{', '.join(unselected)}. Name them with --release to bring them in."
        )
    archive = Lake().archive()
    wanted = select_releases(index, releases=named, since=since, all_=every)
    if not is_explicit:
        unfinished = find_unfinished_releases(settings, index, fingerprints, archive, wanted)
        wanted = [outstanding.release for outstanding in unfinished]
    if not wanted:
        click.echo("Nothing new: every selected release is complete.")
        return []
    requests = [build_request(index, release, options) for release in wanted]
    estimate = estimate_requests(settings, requests, archive)
    plural = "s" if len(wanted) > 1 else ""
    click.echo(
        f"{len(wanted)} release{plural} to bring in ({', '.join(wanted)}): "
        f"about {estimate} requests."
    )
    return wanted


def _served_state_if_current(settings: Settings) -> ServedState | None:
    with (
        Development().connected("compare inputs") as development,
        Production().connected("compare inputs") as production,
    ):
        return served_state_if_current(development, production, CacheServer().client, settings)


def _bring_in(graph: Graph, releases: Sequence[str], options: ScrapeOptions) -> list[GraphRun]:
    """Scrape and load these releases, then run the follow-up and record what it depended on."""
    tickets_file = options.tickets_file
    config = {
        "tickets_file": str(tickets_file.resolve()) if tickets_file else None,
        "recheck": options.recheck,
        "refetch": options.refetch,
    }
    ops = {RESULT_PAGES.to_python_identifier(): {"config": config}}
    runs = [graph.bring_in(release, ops) for release in releases]
    with Development().connected("record inputs") as connection:
        digest = follow_up_digest(connection, graph.settings)
    runs.append(graph.follow_up())
    with Development().connected("record inputs") as connection:
        store_digest(connection, digest)
    return runs
