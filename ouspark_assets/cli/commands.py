"""The commands: names, arguments, options and help texts.

What a command does is in another module of `cli/`, which is imported when the command runs:
`--help` imports neither Dagster nor polars nor a database driver.
"""

import contextlib
import functools
import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.settings import load_settings

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
HEALTH_PARTS = (
    *("code", "daemon", "sensors", "development", "production", "cache", "processes", "monitor"),
)
BENCHMARKS = ("scrape", "parse", "load", "analytics", "publish", "cache", "end-to-end")


def implemented_by(path: str) -> Callable[[Callable[[], None]], Callable[..., None]]:
    """Return a decorator of a command that calls this function, e.g. `releases.list_releases`."""

    def decorate(declaration: Callable[[], None]) -> Callable[..., None]:
        @functools.wraps(declaration)
        def call(**options: Any) -> None:
            module, _, function = path.partition(".")
            getattr(importlib.import_module(f"ouspark_assets.cli.{module}"), function)(**options)

        return call

    return decorate


@click.command()
@click.option(
    "--release", "releases", multiple=True, metavar="KEY", help="Only this release; repeatable."
)
@click.option(
    "--since",
    type=click.IntRange(1990, 2100),
    metavar="YEAR",
    help="Every B.E. release of a session from this year on.",
)
@click.option(
    "--all", "every", is_flag=True, help="Every B.E. (CBCS or AICTE) release, however old."
)
@click.option(
    "--tickets",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Request only the hall tickets in this file, one per line.",
)
@click.option(
    "--recheck",
    is_flag=True,
    help="Request tickets again that were not found or have pending grades, in releases of the "
    "last 90 days.",
)
@click.option(
    "--refetch", is_flag=True, help="Request every ticket again, even if its page is archived."
)
@click.option("--verbose", is_flag=True, help="Show Dagster's log.")
def run(**options: Any) -> None:
    """Discover, scrape, clean, compute, publish, prewarm.

    Without options, brings in every B.E. (CBCS or AICTE) release of the last year that is not
    complete yet, oldest first. Running again is always safe: it continues where the last run ended.
    """
    if options["since"] is not None and options["every"]:
        message = "--since and --all cannot be used together."
        raise click.UsageError(message)
    _start_servers_in_background()
    from ouspark_assets.cli.run import run_graph

    run_graph(**options)


def _start_servers_in_background() -> None:
    """Start the embedded servers while Dagster is imported; each takes about 1.5 s."""

    def start() -> None:
        # If a server cannot be started, the code that needs it reports the error.
        with contextlib.suppress(OuSparkError):
            resolve_endpoints(load_settings().servers)

    threading.Thread(target=start, daemon=True).start()


@click.group(invoke_without_command=True)
@click.pass_context
def releases(context: click.Context) -> None:
    """List the known releases, or add one by its key."""
    if context.invoked_subcommand is None:
        context.invoke(list_releases)


@releases.command("list")
@json_option
@click.option("--every-course", is_flag=True, help="Include courses other than B.E.")
@implemented_by("releases.list_releases")
def list_releases() -> None:
    """List the known releases, oldest first."""


@releases.command("add")
@click.argument("key")
@click.option(
    "--title",
    default="",
    help="Title of the release, if known; session and scheme are read from it.",
)
@implemented_by("releases.register_release")
def add_release() -> None:
    """Register a release that the index page does not show.

    KEY is the name of its results page, e.g. 20250402 for /res07/20250402.jsp.
    """


@click.group(invoke_without_command=True)
@click.pass_context
def subjects(context: click.Context) -> None:
    """List the subject codes that count as newer ones, or propose likely ones."""
    if context.invoked_subcommand is None:
        context.invoke(list_equivalent_codes)


@subjects.command("list")
@json_option
@implemented_by("subjects.list_equivalent_codes")
def list_equivalent_codes() -> None:
    """List the codes that count as newer ones."""


@subjects.command("propose")
@json_option
@implemented_by("subjects.propose_codes")
def propose_codes() -> None:
    """Propose pairs of codes that are likely to be one subject.

    A pair has the same title and semester, and no student sat both codes in one session. Prints
    the evidence, and the lines to add to the file of equivalent codes; nothing is changed.
    """


@click.group(invoke_without_command=True)
@click.pass_context
def quarantine(context: click.Context) -> None:
    """List, correct, replay and discard records that were not accepted."""
    if context.invoked_subcommand is None:
        context.invoke(list_records)


@quarantine.command("list")
@click.option("--release", metavar="KEY", help="Only records of this release.")
@click.option("--table", help="Only records of this table.")
@click.option("--reason", metavar="TEXT", help="Only records with a reason that contains TEXT.")
@click.option(
    "--status",
    type=click.Choice(["open", "resolved", "discarded", "any"]),
    default="open",
    show_default=True,
    help="Only records of this status.",
)
@json_option
@implemented_by("quarantine.list_records")
def list_records() -> None:
    """List records, and how often each reason occurs."""


@quarantine.command("show")
@click.argument("number", type=int, metavar="ID")
@json_option
@implemented_by("quarantine.show_record")
def show_record() -> None:
    """Show one record completely.

    Shows what the page printed, why the record was not accepted, and the decisions about it.
    """


@quarantine.command("fix")
@click.argument("number", type=int, metavar="ID")
@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE...")
@implemented_by("quarantine.fix_record")
def fix_record() -> None:
    """Correct fields of a record, and load its release again.

    The correction is stored with its author and time, alongside what was printed, and is applied
    by every load.
    """


@quarantine.command("replay")
@click.argument("numbers", type=int, nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="Every open record.")
def replay_records(**options: Any) -> None:
    """Load the releases of records again from the lake.

    For use after code or reference data was corrected. No page is requested.
    """
    if bool(options["numbers"]) == options["every"]:
        message = "Name records by their ID, or use --all for every open record."
        raise click.UsageError(message)
    from ouspark_assets.cli.quarantine import replay_records

    replay_records(**options)


@quarantine.command("discard")
@click.argument("number", type=int, metavar="ID")
@click.option("--why", required=True, help="Why the record is not needed.")
@implemented_by("quarantine.discard_listed_record")
def discard_record() -> None:
    """Discard a record for good, with the reason."""


@click.command()
@click.argument("ticket")
@json_option
@implemented_by("explain.explain_ticket")
def explain() -> None:
    """Explain every number of the student with hall ticket TICKET.

    Shows all attempts, the standings that follow from them, SGPAs and CGPA with their sums,
    credits, ranks, backlogs, revaluations, quarantine records, and since when production has
    these results.
    """


@click.command()
@click.option("--college", metavar="CODE", help="Only this college.")
@click.option(
    "--release", metavar="KEY", help="Report the results of this release, not the standings."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to; it gets a folder per college.",
)
@implemented_by("report.write_reports")
def report() -> None:
    """Write an Excel workbook per class and a printable HTML page per department.

    Files whose content has not changed are left untouched.
    """


@click.command()
@json_option
@implemented_by("status.report_status")
def status() -> None:
    """Show what is running, what ran last, what is stale or failed, and what readers see."""


@click.command()
@click.option("--asset", metavar="STAGE", help="Show every run of this stage, e.g. clean.pages.")
@click.option("--release", metavar="KEY", help="Show only the stages of this release.")
@click.option(
    "--last",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="With --asset: how many runs to show.",
)
@json_option
@implemented_by("history.show_history")
def history() -> None:
    """Show the latest run of each stage and the median duration of its earlier runs.

    The columns are rows, seconds, rows per second, and the shares of rows that were rejected or
    changed. With --asset, every run of one stage is shown.
    """


@click.command()
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, for node_exporter's textfile collector (*.prom).",
)
@click.option(
    "--serve",
    metavar="[HOST:]PORT",
    help="Serve the metrics at /metrics until interrupted; without HOST, on loopback only.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 60),
    default=8.0,
    show_default=True,
    help="Seconds to collect facts; metrics not known by then are left out.",
)
def metrics(**options: Any) -> None:
    """Print the current state as metrics for Prometheus.

    Starts nothing. Servers that are stopped or cannot be reached are reported as metrics too, e.g.
    ouspark_up 0.
    """
    if options["textfile"] and options["serve"]:
        message = "--textfile and --serve cannot be used together."
        raise click.UsageError(message)
    from ouspark_assets.cli.metrics import export_metrics

    export_metrics(**options)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@implemented_by("ui.run_ui")
def ui() -> None:
    """Start the Dagster UI with code server, daemon and monitor, and restart each that ends.

    Runs until it is interrupted. It has no login: keep it on loopback, or behind a proxy.
    """


@click.command()
@click.argument("parts", nargs=-1, metavar="[PART]...", type=click.Choice(HEALTH_PARTS))
@click.option(
    "--code-server",
    metavar="HOST:PORT",
    help="Where user code answers (default: the servers of workspace.yaml, else the process that "
    "recorded itself in OUSPARK_HOME).",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Check every 15 s until interrupted; deliver alerts, and call OUSPARK_HEARTBEAT_URL while "
    "everything is healthy.",
)
@json_option
def health(**options: Any) -> None:
    """Check that user code answers, and that daemon, sensors, databases and cache work.

    PARTs: code, daemon, sensors, development, production, cache, processes (of `ouspark ui`),
    monitor (`--watch`); the default is all of them. Exits with 0 if every part is healthy,
    otherwise with 1 and the names of the others. Starts nothing.
    """
    if options["watch"] and (options["parts"] or options["as_json"]):
        message = "--watch cannot be combined with parts or --json."
        raise click.UsageError(message)
    from ouspark_assets.cli.health import report_health

    report_health(**options)


@click.group(invoke_without_command=True)
@click.pass_context
def alerts(context: click.Context) -> None:
    """Show and check the alert rules, and show and deliver the alerts."""
    if context.invoked_subcommand is None:
        context.invoke(list_alerts)


@alerts.command("rules")
@json_option
@implemented_by("alerts.show_rules")
def show_rules() -> None:
    """Check the rules file and show its rules."""


@alerts.command("channels")
@json_option
@implemented_by("alerts.show_channels")
def show_channels() -> None:
    """Show the channels, and why some are inactive."""


@alerts.command("list")
@json_option
@click.option(
    "--last",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many ended alerts to list.",
)
@implemented_by("alerts.list_alerts")
def list_alerts() -> None:
    """List open and recent alerts, news, and pending deliveries."""


@alerts.command("test")
@click.argument("channel")
@implemented_by("alerts.test_channel")
def test_channel() -> None:
    """Send a test message to CHANNEL."""


@alerts.command("send")
@click.option("--look", is_flag=True, help="Evaluate the rules first, as the sensor does.")
@implemented_by("alerts.send_messages")
def send_messages() -> None:
    """Deliver all pending messages now, even if not yet due."""


@click.command()
@click.argument("ticket")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@implemented_by("forget.forget_ticket")
def forget() -> None:
    """Delete the student with hall ticket TICKET from every store, permanently.

    Deletes the student from lake, quarantine, both databases, publication history and cache. The
    ticket is never requested again. Statistics that counted the student are computed and
    published again.
    """


@click.command()
@implemented_by("rebuild.rebuild_tables")
def rebuild() -> None:
    """Build every table again from the lake: parse, validate, compute, publish, prewarm.

    No page is requested. Rows that did not change are not written. Corrections are applied again.
    """


@click.group(invoke_without_command=True)
@click.pass_context
def publication(context: click.Context) -> None:
    """Show, verify, publish and roll back publications of the production database."""
    if context.invoked_subcommand is None:
        context.invoke(list_publications)


@publication.command("list")
@json_option
@click.option(
    "--last",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="How many publications to list.",
)
@implemented_by("publication.list_publications")
def list_publications() -> None:
    """List the publications, newest first."""


@publication.command("publish")
@click.option("--full", is_flag=True, help="Compare every row; repairs changes made by hand.")
@click.option("--allow-shrink", is_flag=True, help="Publish even if a table loses many rows.")
@implemented_by("publication.publish")
def publish() -> None:
    """Publish the current state of the tables, and prewarm the cache."""


@publication.command("verify")
@json_option
@implemented_by("publication.verify_publication")
def verify_publication() -> None:
    """Compare production with development.

    Tables whose checksums differ are compared row by row.
    """


@publication.command("rollback")
@click.argument("number", type=int)
@implemented_by("publication.roll_back_to")
def roll_back_to() -> None:
    """Restore publication NUMBER, and hold publishing.

    Nothing is published until `ouspark publication resume`.
    """


@publication.command("resume")
@implemented_by("publication.resume_publishing")
def resume_publishing() -> None:
    """Allow publishing again after a rollback."""


@publication.command("roles")
def print_roles() -> None:
    """Print the SQL script that creates the database roles.

    An administrator runs it. It creates a publishing and a reading role, each with the least
    privileges that it needs.
    """
    from ouspark_assets.warehouse.publication.guards import roles_script

    click.echo(roles_script(), nl=False)


@click.group(invoke_without_command=True)
@click.pass_context
def cache(context: click.Context) -> None:
    """Show, verify and rebuild the readers' cache."""
    if context.invoked_subcommand is None:
        context.invoke(cache_status)


@cache.command("status")
@json_option
@implemented_by("cache.show_generation")
def cache_status() -> None:
    """Show the current generation, and whether it is up to date."""


@cache.command("verify")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Compare only every Nth document.",
)
@json_option
@implemented_by("cache.verify_generation")
def verify_generation() -> None:
    """Compare the cache with documents made from production's tables."""


@cache.command("rebuild")
@implemented_by("cache.rebuild_generation")
def rebuild_generation() -> None:
    """Build a new generation and make it current."""


@click.group(invoke_without_command=True)
@click.pass_context
def services(context: click.Context) -> None:
    """Start, stop and inspect the embedded PostgreSQL, Valkey and results site."""
    if context.invoked_subcommand is None:
        context.invoke(services_status)


@services.command("up")
@implemented_by("services.start_services")
def start_services() -> None:
    """Start the embedded servers and keep them running until `down`.

    A server is embedded unless its address is configured, e.g. by OUSPARK_DEV_DSN.
    """


@services.command("down")
@implemented_by("services.stop_services")
def stop_services() -> None:
    """Stop the embedded servers, even while they are in use."""


@services.command("status")
@json_option
@click.option("--show-secrets", is_flag=True, help="Show passwords unmasked.")
@implemented_by("services.show_services")
def services_status() -> None:
    """Show which servers run where, without starting any."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(BENCHMARKS))
@json_option
@click.option(
    "--students",
    type=click.IntRange(min=100),
    help="Number of students in the synthetic populations.",
)
@click.option("--runs", type=click.IntRange(min=1), help="Number of measuring rounds (default 3).")
@click.option("--quick", is_flag=True, help="Run everything once on small data, as a smoke test.")
@click.option(
    "--python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python interpreter that has scrapy, requests, beautifulsoup4 and pandas "
    "(default: the one of .venv-bench, else this one).",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the ratios to an SVG file.",
)
@implemented_by("bench.measure_stages")
def bench() -> None:
    """Measure each stage and its reference in the same run, and compare the two.

    NAMEs: scrape, parse, load, analytics, publish, cache, end-to-end; the default is all of them.
    The servers run under a temporary home. Fails if a budget is missed, except with --quick.
    """
