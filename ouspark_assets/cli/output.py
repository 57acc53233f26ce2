"""What every command prints with: tables that fit the terminal, JSON, times, progress bars.

What a command shows belongs to the command.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

# Columns of a table that is written to a file or a pipe.
DEFAULT_WIDTH = 120
# A longer text without spaces is not a name, and is broken after all.
MAX_WORD = 64
# A width that no table needs, to measure what a table would take.
MAX_WIDTH = 10_000
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
    console().print(printable_text(title), style="bold")
    table = Table(pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="right" if name in right else "left")
    for row in rows:
        table.add_row(*(printable_text(value) for value in row.values()))
    print_table(console(), table)


def print_table(terminal: Console, table: Table) -> None:
    """Print a table without cutting a cell, or breaking a word of less than `MAX_WORD` letters.

    If the terminal is too narrow for the longest word of every column, the table loses its lines;
    if that is not enough, each row becomes a block of lines. A file gets as many columns as needed.
    """
    minimum, natural = _measure_columns(terminal, table)
    borders = _measure(terminal, table).maximum - sum(natural)
    if table.box is not None and sum(minimum) + borders > terminal.width:
        table.box, table.padding = None, (0, 2, 0, 0)
        borders = _measure(terminal, table).maximum - sum(natural)
    needed = sum(minimum) + borders
    if needed > terminal.width:
        if terminal.is_terminal:
            _print_records(terminal, table)
            return
        terminal.width = needed
    widths = share_width(minimum, natural, terminal.width - borders)
    for column, width in zip(table.columns, widths, strict=True):
        column.width, column.overflow = width, "fold"
    terminal.print(table)


def share_width(minimum: Sequence[int], natural: Sequence[int], available: int) -> list[int]:
    """Return a width per column, from its minimum to its natural width; narrow ones come first."""
    widths, rest = list(minimum), available - sum(minimum)
    by_need = sorted(range(len(widths)), key=lambda index: natural[index] - minimum[index])
    for position, index in enumerate(by_need):
        given = min(natural[index] - minimum[index], rest // (len(widths) - position))
        widths[index] += given
        rest -= given
    return widths


def _measure_columns(terminal: Console, table: Table) -> tuple[list[int], list[int]]:
    """Return the longest word and the longest line of each column, its header included."""
    sizes = [
        [_measure(terminal, cell) for cell in (column.header, *column.cells)]
        for column in table.columns
    ]
    return (
        [min(max(size.minimum for size in cells), MAX_WORD) for cells in sizes],
        [
            max(column.min_width or 0, *(size.maximum for size in cells))
            for column, cells in zip(table.columns, sizes, strict=True)
        ],
    )


def _measure(terminal: Console, renderable: RenderableType) -> Measurement:
    return Measurement.get(terminal, terminal.options.update(width=MAX_WIDTH), renderable)


def _print_records(terminal: Console, table: Table) -> None:
    for number, cells in enumerate(zip(*(column.cells for column in table.columns), strict=True)):
        if number:
            terminal.print()
        for column, cell in zip(table.columns, cells, strict=True):
            text = cell if isinstance(cell, Text) else Text.from_markup(str(cell))
            if text.plain:
                name = Text(f"{column.header}: " if column.header else "", style="dim")
                terminal.print(name + text)


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
