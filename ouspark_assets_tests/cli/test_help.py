"""`--help` lists every command, with a short help that is not cut off."""

import importlib

import click
import pytest

from ouspark_assets.cli import COMMANDS, ouspark

TERMINAL = 80


def groups() -> list[click.Group]:
    named = (
        getattr(importlib.import_module(f"ouspark_assets.cli.{name}"), name) for name in COMMANDS
    )
    return [command for command in named if isinstance(command, click.Group)]


@pytest.mark.parametrize("group", groups(), ids=lambda group: str(group.name))
def test_the_short_help_of_every_subcommand_fits_on_one_line(group: click.Group) -> None:
    context = click.Context(group, info_name=group.name, terminal_width=TERMINAL)
    shown = group.get_help(context)
    assert all(name in shown for name in group.commands)
    assert "..." not in shown.partition("Commands:")[2]


def test_every_command_is_listed_with_its_short_help_on_one_line() -> None:
    shown = ouspark.get_help(click.Context(ouspark, info_name="ouspark", terminal_width=TERMINAL))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert all(f"{name} {purpose}" in lines for name, purpose in COMMANDS.items())
