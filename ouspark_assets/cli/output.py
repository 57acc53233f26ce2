"""How commands show things: a table that fits the terminal, or JSON on request."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_json(value: Any) -> None:
    """A value as JSON; dates and the like as text."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def tell(line: str) -> None:
    """Something to know meanwhile, apart from what the command prints."""
    click.echo(line, err=True)


def show_table(title: str, rows: Sequence[Mapping[str, object]], right: Sequence[str] = ()) -> None:
    """Rows of the same columns as a table; the columns in `right` are aligned to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console().print(table if rows else f"{title}: none")


def console() -> Console:
    """The terminal, or a file wide enough for a table."""
    terminal = Console(highlight=False, emoji=False)
    return terminal if terminal.is_terminal else Console(highlight=False, emoji=False, width=120)


def _cell(value: object) -> Text:
    """A value as it stands, be it markup; what would garble the terminal as Python writes it."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return Text(text)
    return Text("".join(it if it.isprintable() or it == "\n" else ascii(it)[1:-1] for it in text))
