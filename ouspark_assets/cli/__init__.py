"""The `ouspark` command: finds the subcommand, and turns errors into one line and an exit code.

Options and help texts are in `commands.py`. What a command does is in the module of its name.
"""

import contextlib
import errno
import gc
import importlib
import logging
import os
import re
import sys
from typing import Any

import click

from ouspark_assets.domain.errors import OuSparkError, SettingsError
from ouspark_assets.operations.logging import configure_logging, logs_json
from ouspark_assets.orchestration.step_errors import STORAGE_ADVICE, describe_storage_failure
from ouspark_assets.services.private_files import restrict_permissions
from ouspark_assets.settings import load_settings, project_root
from ouspark_assets.settings.environment import load_dotenv_like_dagster, warn_of_misspelt_variables

COMMANDS = {
    "run": "Discover, scrape, clean, compute, publish, prewarm",
    "releases": "List the known releases, or add one by its key",
    "subjects": "Subject codes that count as newer ones: list, propose",
    "quarantine": "Rejected records: list, show, fix, replay, discard",
    "explain": "Derive a student's results step by step, with every rule",
    "report": "Write class workbooks and printable department pages",
    "status": "Show runs, failures, stale tables, publication and cache",
    "ui": "Start the Dagster UI and everything behind it",
    "health": "Check user code, daemon, sensors, databases and cache",
    "history": "Compare each stage's runs with the median of earlier ones",
    "metrics": "Export metrics for Prometheus: print, write to a file, serve",
    "alerts": "Alerts: rules, channels, open alerts, pending deliveries",
    "forget": "Delete a student from every store, permanently",
    "rebuild": "Rebuild every table from the lake",
    "publication": "Publications: list, publish, verify, rollback, resume",
    "cache": "The readers' cache: status, verify, rebuild",
    "services": "Start, stop and inspect the embedded servers",
    "standin": "Serve the bundled results site",
    "bench": "Measure each stage against its reference",
}
# What shells return for a process that SIGINT ended.
EXIT_INTERRUPTED = 130
DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Python decodes bytes of an argument that are not UTF-8 to lone surrogates.
UNDECODABLE = re.compile("[\ud800-\udfff]")
# Hundreds of thousands of small objects live until the end of a run: collecting them at the
# default threshold costs a tenth of the time.
GC_THRESHOLD = 100_000


class LazyGroup(click.Group):
    """A group that imports a command when it is used, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        package = "standin.command" if cmd_name == "standin" else "cli.commands"
        module = importlib.import_module(f"ouspark_assets.{package}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an argument that is not UTF-8 before it reaches a file or a database."""
        for argument in args:
            if not argument.isascii() and UNDECODABLE.search(argument):
                message = f"The argument {argument!a} is not valid UTF-8."
                raise click.UsageError(message)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_error(error: OuSparkError) -> None:
    if logs_json():
        logging.getLogger(__name__).error("%s", error)
    else:
        click.secho(f"Error: {error}", fg="red", err=True)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ouspark-assets", prog_name="ouspark")
def ouspark() -> None:
    """Scrape, clean, rank, publish and cache Osmania University's engineering results."""
    # `--help` works with malformed settings; a command that needs them reports the error.
    with contextlib.suppress(SettingsError):
        settings = load_settings()
        configure_logging(settings.logging)
        warn_of_misspelt_variables()
        restrict_permissions(settings.servers.home, settings.servers.lake_location)


def main() -> None:
    """Run a command; an error that the operator can act on is one line, without a traceback."""
    gc.set_threshold(GC_THRESHOLD)
    # The same Dagster instance that the UI uses when it is started from the repository root.
    os.environ.setdefault("DAGSTER_HOME", str(project_root()))
    try:
        load_dotenv_like_dagster()
        status = ouspark.main(standalone_mode=False) or 0
        sys.stdout.flush()
        sys.exit(status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OuSparkError as error:
        _show_error(error)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Run the command again to continue.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except OSError as error:
        if error.errno not in DISK_FULL_ERRORS:
            raise
        # Python would flush standard output again at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        what = f"Cannot write {error.filename or 'a file'}: {error.strerror}"
        _show_error(OuSparkError(f"{what}. {STORAGE_ADVICE}"))
        sys.exit(1)
    except _storage_errors() as error:
        _show_error(OuSparkError(describe_storage_failure(str(error.orig).splitlines()[0])))
        sys.exit(1)


def _storage_errors() -> tuple[type[Any], ...]:
    """Return the errors that Dagster's storage raises; none while it has not been imported."""
    imported = sys.modules.get("sqlalchemy.exc")
    return (imported.DBAPIError,) if imported else ()
