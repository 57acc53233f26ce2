"""The `ouspark` command: a module per subcommand, loaded when it is asked for.

Here is only how commands are found and how their errors become one line and an exit code.
"""

import contextlib
import errno
import gc
import importlib
import logging
import os
import re
import sys
import threading
from typing import Any

import click

from ouspark_assets.domain.errors import OuSparkError, SettingsError
from ouspark_assets.operations.logging import configure_logging, logs_json
from ouspark_assets.orchestration.failures import SEE_TO_THE_DISK, unusable_records
from ouspark_assets.services import endpoints
from ouspark_assets.settings import load_settings, project_root
from ouspark_assets.settings.environment import load_dotenv_like_dagster, warn_of_doubtful_variables

COMMANDS = {
    "run": "Discover, scrape, clean, compute, publish, prewarm",
    "releases": "List the known releases, or add one by its key",
    "quarantine": "What could not be accepted: list, show, fix, replay, discard",
    "explain": "A student's whole story, each number with the rule that made it",
    "report": "Class workbooks and department pages to hand round",
    "status": "What ran, what runs, what is stale or failed, what readers have",
    "history": "What each stage did, beside how it usually goes",
    "metrics": "The same in numbers for Prometheus: print, write to a file, serve",
    "alerts": "Who is told what: rules, channels, what is open, what waits",
    "forget": "Remove a student from everywhere, for good",
    "rebuild": "Make every table anew from the lake",
    "publication": "What has been published: list, publish, verify, rollback, resume",
    "cache": "What readers are given: status, verify, rebuild",
    "services": "Start, stop or look at the embedded servers",
    "standin": "Serve the bundled results site",
    "bench": "Measure each stage beside what people would use instead",
}
INTERRUPTED = 130
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Bytes of an argument that Python could not decode.
NO_TEXT = re.compile("[\ud800-\udfff]")
GARBAGE_THRESHOLD = 100_000


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used: `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        if cmd_name == "run" and "--help" not in sys.argv and "-h" not in sys.argv:
            _start_servers_meanwhile()
        module = importlib.import_module(f"ouspark_assets.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what is no text before it reaches a file or a database."""
        for argument in args:
            if not argument.isascii() and NO_TEXT.search(argument):
                message = f"the argument {argument!a} is not text in UTF-8"
                raise click.UsageError(message)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _say(error: OuSparkError) -> None:
    if logs_json():
        logging.getLogger(__name__).error("%s", error)
    else:
        click.secho(f"Error: {error}", fg="red", err=True)


def _start_servers_meanwhile() -> None:
    """Start the embedded servers while Dagster is imported, which takes as long (1.5 s)."""

    def start() -> None:
        # Whoever needs a server that can't be started will say so, at its place.
        with contextlib.suppress(OuSparkError):
            endpoints(load_settings())

    threading.Thread(target=start, daemon=True).start()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def ouspark() -> None:
    """Osmania University's engineering results: scraped, cleaned, ranked, published, cached."""
    # Whoever needs the settings says what is wrong with them; `--help` does not.
    with contextlib.suppress(SettingsError):
        configure_logging(load_settings())
        warn_of_doubtful_variables()


def main() -> None:
    """Run a command; what people can act on is one line, without a traceback."""
    # Hundreds of thousands of small objects live until the end: collecting them costs a tenth.
    gc.set_threshold(GARBAGE_THRESHOLD)
    # The instance that the UI shows when it is started from the repository root.
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
        _say(error)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; running again goes on from here.", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        # What standard output did not take would be tried again at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        what = f"{error.filename or 'A file'} can't be written: {error.strerror}"
        _say(OuSparkError(f"{what}. {SEE_TO_THE_DISK}"))
        sys.exit(1)
    except _raised_by_dagsters_records() as error:
        _say(OuSparkError(unusable_records(str(error.orig).splitlines()[0])))
        sys.exit(1)


def _raised_by_dagsters_records() -> tuple[type[Any], ...]:
    """What Dagster's storage raises; nothing as long as it was not even imported."""
    imported = sys.modules.get("sqlalchemy.exc")
    return (imported.DBAPIError,) if imported else ()
