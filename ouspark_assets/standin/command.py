"""The `standin` command: options in, a world served or exported.

Messages to people are worded here; the work is `server.py` and `truth.py`.
"""

from pathlib import Path

import click

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.fault_profiles import PROFILES, faults_of
from ouspark_assets.standin.http_server import Serving, serve
from ouspark_assets.standin.release_calendar import MOST_RELEASES
from ouspark_assets.standin.world import World

DEFAULT_PORT = 8007
LARGEST_PORT = 65535
DEFAULT_SCALE = Scale()


class _OneLineError(click.ClickException):
    """An error of ours, printed as one line."""


@click.command(name="standin")
@click.option(
    "--port", type=click.IntRange(0, LARGEST_PORT), default=DEFAULT_PORT, show_default=True,
    help="Port to listen on; 0 takes a free one.",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--seed",
    type=int,
    default=DEFAULT_SCALE.seed,
    show_default=True,
    help="Another seed, other people.",
)
@click.option(
    "--students", type=click.IntRange(min=1), default=DEFAULT_SCALE.students, show_default=True,
    help="Students that have joined by the last release.",
)  # fmt: skip
@click.option(
    "--releases",
    type=click.IntRange(1, MOST_RELEASES),
    default=DEFAULT_SCALE.releases,
    show_default=True,
    help="Releases that are out at the start.",
)
@click.option(
    "--faults", default="none", show_default=True, metavar="PROFILE",
    help=f"Bad days: {', '.join(PROFILES)}. Also errors:0.3, outage:5, errors,slow.",
)  # fmt: skip
@click.option("--fault-seed", type=int, default=1, show_default=True, help="Seed of the bad days.")
@click.option(
    "--release-after", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Publish the next release every so many seconds.",
)  # fmt: skip
@click.option(
    "--export", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write the truth as Parquet files and stop; with --port, serve after that.",
)  # fmt: skip
@click.option(
    "--ready-file", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH",
    help="Write the base URL here once it listens.",
)  # fmt: skip
@click.option("--with-parent", type=int, hidden=True, help="Stop when this process is gone.")
@click.pass_context
def standin(
    context: click.Context,
    *,
    port: int,
    host: str,
    seed: int,
    students: int,
    releases: int,
    faults: str,
    fault_seed: int,
    release_after: float | None,
    export: Path | None,
    ready_file: Path | None,
    with_parent: int | None,
) -> None:
    """Serve a made-up results site that looks and behaves like the university's."""
    try:
        bad_days = faults_of(faults)
        world = World(Scale(seed=seed, students=students, releases=releases))
        if export is not None:
            _export(world, export)
        port_given = context.get_parameter_source("port") is not click.core.ParameterSource.DEFAULT
        if export is None or port_given:
            serving = Serving(
                host, port, bad_days, fault_seed, release_after, ready_file, with_parent
            )
            closing = f"students {students}, releases {releases}, faults {faults}"
            serve(world, serving, lambda url: click.echo(f"Results site: {url}  {closing}"))
    except OuSparkError as error:
        raise _OneLineError(str(error)) from error


def _export(world: World, folder: Path) -> None:
    # Polars takes longer to import than the site takes to start.
    from ouspark_assets.standin.truth import export_truth

    rows = export_truth(world, folder)
    counted = ", ".join(f"{name} {count}" for name, count in rows.items())
    click.echo(f"Truth written to {folder}: {counted}")
