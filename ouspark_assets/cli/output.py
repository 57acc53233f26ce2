"""What every command prints with: tables that fit the terminal, JSON, times, progress bars.

What a command shows belongs to the command.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

# Columns of a table that is written to a file or a pipe.
DEFAULT_WIDTH = 120
TIME_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def show_json(value: Any) -> None:
    """Print a value as JSON; dates and other objects become text."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def show_notice(line: str) -> None:
    """Print a line to standard error, apart from the command's output."""
    click.echo(line, err=True)


def show_table(title: str, rows: Sequence[Mapping[str, object]], right: Sequence[str] = ()) -> None:
    """Print rows that have the same columns; the columns in `right` are aligned to the right."""
    if not rows:
        console().print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(printable_text(value) for value in row.values()))
    console().print(table)


def console() -> Console:
    """Return a console for the terminal, or for a file that is wide enough for a table."""
    terminal = Console(highlight=False, emoji=False)
    if terminal.is_terminal:
        return terminal
    return Console(highlight=False, emoji=False, width=DEFAULT_WIDTH)


def printable_text(value: object) -> Text:
    """Return a value as text without markup; control characters are shown escaped."""
    text = "" if value is None else str(value)
    if not text.isprintable():
        text = "".join(
            letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]
            for letter in text
        )
    return Text(text)


def format_moment(moment: datetime) -> str:
    """Return the time in UTC, and how long ago it was."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({format_age(moment)} ago)"


def format_age(moment: datetime) -> str:
    """Return the time since `moment` in the largest unit that fits."""
    return format_duration((datetime.now(UTC) - moment).total_seconds())


def format_duration(seconds: float) -> str:
    """Return a number of seconds in the largest unit that fits, e.g. `3 min`."""
    size, unit = next(((size, unit) for size, unit in TIME_UNITS if seconds >= size), (1, "s"))
    return f"{max(int(seconds // size), 0)} {unit}"


class ProgressBars:
    """Progress bars on a terminal, removed when the work is done; nothing without a terminal."""

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        self.console = console
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()
