"""`ouspark history`: what each stage did and how that compares with how it usually goes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import click
from rich.table import Table
from rich.text import Text

from ouspark_assets.cli.output import console, format_age, show_json
from ouspark_assets.operations.status.runs import Outcome
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.warehouse.records.history import (
    StageTrend,
    latest_trends,
    seconds_of_each_stage,
    trends,
)

BARS = "▁▂▃▄▅▆▇█"
BARS_SHOWN = 10
# From so many columns on there is room for everything.
WIDE = 100
# What differs so much from the usual is coloured; under a second nothing does.
REMARKABLE, WORTH_A_REMARK = 2.0, 1.0
MARKS = {Outcome.SUCCEEDED: ("ok", "green"), Outcome.RUNNING: ("running", "yellow")}
Spans = dict[tuple[str, str | None], list[float]]


@click.command()
@click.option("--asset", metavar="STAGE", help="Every run of this stage, as clean.pages.")
@click.option("--release", metavar="KEY", help="Only of this release.")
@click.option("--last", type=click.IntRange(1, 10_000), default=20, help="How many (default 20).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def history(*, asset: str | None, release: str | None, last: int, as_json: bool) -> None:
    """Show the latest run of each stage beside the median of those before.

    Rows, seconds, rate, and the shares of rejected and changed rows. With --asset, every run of
    that stage.
    """
    with Development().connected("history") as connection:
        found = (
            trends(connection, asset, release, last)
            if asset
            else latest_trends(connection, release=release)
        )
        spans = seconds_of_each_stage(connection, BARS_SHOWN)
    if as_json:
        show_json([asdict(it) for it in found])
    elif found:
        _show(found, spans)
    else:
        click.echo("Nothing like that has run yet.")


def _show(found: Sequence[StageTrend], spans: Spans) -> None:
    terminal = console()
    columns = [it for it in COLUMNS if terminal.width >= WIDE or it.always]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.name, justify=column.justify, no_wrap=True)
    for it in found:
        lately = spans.get((it.asset, it.release), [])
        table.add_row(*(column.cell(it, lately) for column in columns))
    terminal.print(table)
    for it in found:
        if it.error:
            terminal.print(Text(f"{_named(it)}: {it.error.splitlines()[0]}", style="red"))


def _named(it: StageTrend) -> str:
    return it.asset + (f" {it.release}" if it.release else "")


def _outcome(it: StageTrend) -> Text:
    mark, colour = MARKS.get(Outcome(it.outcome), ("died" if it.died else "failed", "red"))
    return Text(mark, style=colour)


def _against_the_usual(it: StageTrend) -> Text:
    """The usual seconds; coloured where they are far from it."""
    if it.usual_seconds is None:
        return Text("")
    slow = (
        it.seconds_ratio is not None
        and it.seconds_ratio >= REMARKABLE
        and (it.seconds or 0) >= WORTH_A_REMARK
    )
    return Text(f"{it.usual_seconds:.2f}", style="yellow" if slow else "")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}" if share else "0"


def _number(value: float | None, digits: int = 0) -> Text:
    return Text("" if value is None else f"{value:,.{digits}f}")


def bars(values: Sequence[float]) -> str:
    """Values as a row of bars, the highest at full height."""
    most = max(values, default=0)
    if not most:
        return BARS[0] * len(values)
    return "".join(BARS[min(int(value / most * len(BARS)), len(BARS) - 1)] for value in values)


@dataclass(frozen=True)
class Column:
    """A column of the table; some are left out where it is narrow."""

    name: str
    cell: Callable[[StageTrend, Sequence[float]], Text]
    always: bool = True
    justify: Literal["left", "right"] = "right"


COLUMNS = (
    Column("stage", lambda it, _: Text(_named(it)), justify="left"),
    Column("ago", lambda it, _: Text(format_age(it.started))),
    Column("outcome", lambda it, _: _outcome(it), justify="left"),
    Column("rows", lambda it, _: _number(it.rows)),
    Column("changed", lambda it, _: Text(_percent(it.changed_share)), always=False),
    Column("rejected", lambda it, _: Text(_percent(it.reject_share))),
    Column("seconds", lambda it, _: _number(it.seconds, 2)),
    Column("usual", lambda it, _: _against_the_usual(it)),
    Column("rows/s", lambda it, _: _number(it.rows_per_second), always=False),
    Column("lately", lambda _, lately: Text(bars(lately)), justify="left"),
)
