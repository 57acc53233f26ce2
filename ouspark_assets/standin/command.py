"""The `standin` command: its options, and what it prints.

The server is `http_server.py`, the export `truth.py`.
"""

from pathlib import Path

import click

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.fault_injection import FaultInjector
from ouspark_assets.standin.fault_profiles import PROFILES, parse_faults
from ouspark_assets.standin.http_server import ServerOptions, serve
from ouspark_assets.standin.release_calendar import MAX_RELEASES
from ouspark_assets.standin.world import World

DEFAULT_PORT = 8007
MAX_PORT = 65535
DEFAULT_SCALE = Scale()


@click.command(name="standin")
@click.option(
    "--port", type=click.IntRange(0, MAX_PORT), default=DEFAULT_PORT, show_default=True,
    help="Port to listen on; 0 takes a free one.",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--seed", type=int, default=DEFAULT_SCALE.seed, show_default=True,
    help="Seed of the students and their results.",
)  # fmt: skip
@click.option(
    "--students", type=click.IntRange(min=1), default=DEFAULT_SCALE.students, show_default=True,
    help="Number of students in the releases published at the start.",
)  # fmt: skip
@click.option(
    "--releases", type=click.IntRange(1, MAX_RELEASES), default=DEFAULT_SCALE.releases,
    show_default=True, help="Number of releases published at the start.",
)  # fmt: skip
@click.option(
    "--changed-codes",
    is_flag=True,
    help="Change the codes of a few subjects between two schemes.",
)
@click.option(
    "--faults", default="none", show_default=True, metavar="PROFILE",
    help=f"Faults to inject: {', '.join(PROFILES)}. Also errors:0.3, outage:5, errors,slow.",
)  # fmt: skip
@click.option("--fault-seed", type=int, default=1, show_default=True, help="Seed of the faults.")
@click.option(
    "--release-after", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Publish another release at this interval.",
)  # fmt: skip
@click.option(
    "--export", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write the truth as Parquet files and exit; with --port, serve afterwards.",
)  # fmt: skip
@click.option(
    "--ready-file", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH",
    help="File to write the base URL to when the server listens.",
)  # fmt: skip
@click.option("--with-parent", type=int, hidden=True, help="Stop when this parent process is gone.")
@click.pass_context
def standin(
    context: click.Context,
    *,
    port: int,
    host: str,
    seed: int,
    students: int,
    releases: int,
    changed_codes: bool,
    faults: str,
    fault_seed: int,
    release_after: float | None,
    export: Path | None,
    ready_file: Path | None,
    with_parent: int | None,
) -> None:
    """Serve an invented results site that looks and behaves like the university's."""
    try:
        injected = parse_faults(faults)
        world = World(Scale(seed, students, releases, changed_codes))
        if export is not None:
            # Importing polars takes longer than starting the site.
            from ouspark_assets.standin.truth import export_truth

            counts = export_truth(world, export, FaultInjector(injected, fault_seed))
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            click.echo(f"Truth written to {export}: {listed}")
        port_given = context.get_parameter_source("port") is not click.core.ParameterSource.DEFAULT
        if export is None or port_given:
            options = ServerOptions(
                host, port, injected, fault_seed, release_after, ready_file, with_parent
            )
            summary = f"students {students}, releases {releases}, faults {faults}"
            if release_after is not None:
                summary += f", another release every {release_after:g} s"
            serve(
                world,
                options,
                lambda url: click.echo(f"Results site: {url}  {summary}"),
                click.echo,
            )
    except OuSparkError as error:
        raise click.ClickException(str(error)) from error
