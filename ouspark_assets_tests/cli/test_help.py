"""`--help` lists every command with a short help that is not cut off, and imports nothing heavy."""

import importlib
import inspect
import subprocess
import sys

import click
import pytest

from ouspark_assets.bench.benchmark import BENCHMARKS
from ouspark_assets.cli import COMMANDS, commands, ouspark

# Click leaves a margin of two columns in a terminal of 80.
TERMINAL = 78
HEAVY = {"dagster", "polars", "pandera", "sqlalchemy", "psycopg"}
GROUPS = [
    group for name in COMMANDS if isinstance(group := getattr(commands, name, None), click.Group)
]
SHOW_EVERY_HELP = """
import sys
from click.testing import CliRunner
from ouspark_assets.cli import ouspark

runner = CliRunner()
def show(command, *names):
    done = runner.invoke(ouspark, [*names, "--help"], catch_exceptions=False)
    assert done.exit_code == 0 and done.output.startswith("Usage:"), (names, done.output)
    print(*names)
    for name in getattr(command, "list_commands", lambda _: [])(None):
        show(command.get_command(None, name), *names, name)

show(ouspark)
print("imported:", *sys.modules)
"""


def test_no_help_imports_dagster_polars_or_a_database_driver() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW_EVERY_HELP], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *shown, imported = done.stdout.splitlines()
    assert {*COMMANDS, "quarantine fix", "publication rollback", "services up"} <= set(shown)
    assert HEAVY.isdisjoint(imported.split())


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: str(group.name))
def test_the_short_help_of_every_subcommand_fits_on_one_line(group: click.Group) -> None:
    context = click.Context(group, info_name=group.name, terminal_width=TERMINAL)
    shown = group.get_help(context)
    assert all(name in shown for name in group.commands)
    assert "..." not in shown.partition("Commands:")[2]


def test_every_command_is_listed_with_its_short_help_on_one_line() -> None:
    shown = ouspark.get_help(click.Context(ouspark, info_name="ouspark", terminal_width=TERMINAL))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert all(f"{name} {purpose}" in lines for name, purpose in COMMANDS.items())


def test_bench_accepts_the_names_of_all_benchmarks() -> None:
    assert list(commands.BENCHMARKS) == list(BENCHMARKS)


def implemented_commands() -> list[click.Command]:
    """Return the commands that are implemented in another module, and their subcommands."""
    declared = [
        command for command in vars(commands).values() if isinstance(command, click.Command)
    ]
    return [command for command in declared if implementation_of(command)]


def implementation_of(command: click.Command) -> str | None:
    assert command.callback is not None
    path: str | None = inspect.getclosurevars(command.callback).nonlocals.get("path")
    return path


@pytest.mark.parametrize("command", implemented_commands(), ids=implementation_of)
def test_the_parameters_of_a_command_are_those_of_its_implementation(
    command: click.Command,
) -> None:
    module, _, function = str(implementation_of(command)).partition(".")
    implementation = getattr(importlib.import_module(f"ouspark_assets.cli.{module}"), function)
    parameters = {parameter.name for parameter in command.params}
    assert set(inspect.signature(implementation).parameters) == parameters
