"""`ouspark history`: what each stage did, compared with the median of its earlier runs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import click
from rich.table import Table
from rich.text import Text

from ouspark_assets.cli.output import console, format_age, print_table, show_json
from ouspark_assets.domain.errors import UsageError
from ouspark_assets.operations.status import StageOutcome
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.warehouse.records.stage_trends import (
    StageTrend,
    latest_trends,
    read_stage_durations,
    read_trends,
)

SPARKS = "▁▂▃▄▅▆▇█"
MAX_SPARKS = 10
# Terminals of at least this many columns show every column of the table.
WIDE_TERMINAL = 100
# A stage is coloured as slow if it takes this many times the median, and at least a second:
# shorter stages vary that much by chance.
SLOW_RATIO, MIN_SLOW_SECONDS = 2.0, 1.0
OUTCOME_STYLES = {
    StageOutcome.SUCCEEDED: ("ok", "green"),
    StageOutcome.RUNNING: ("running", "yellow"),
}
Durations = dict[tuple[str, str | None], list[float]]


def show_history(*, asset: str | None, release: str | None, last: int, as_json: bool) -> None:
    """Show the latest run of each stage and the median duration of its earlier runs."""
    with Development().connected("history") as connection:
        runs = (
            read_trends(connection, asset, release, last)
            if asset
            else latest_trends(connection, release=release)
        )
        durations = read_stage_durations(connection, MAX_SPARKS)
        known = latest_trends(connection) if not runs and (asset or release) else []
    if known:
        _refuse_unknown(asset, release, known)
    if as_json:
        show_json([asdict(run) for run in runs])
    elif runs:
        _show(runs, durations)
    else:
        click.echo("Nothing has run yet.")


def _refuse_unknown(asset: str | None, release: str | None, known: Sequence[StageTrend]) -> None:
    """Raise the error that a stage or release has not run, with those that have."""
    stages = list(dict.fromkeys(run.asset for run in known))
    releases = list(dict.fromkeys(run.release for run in known if run.release))
    if asset is not None and asset not in stages:
        message = f"No stage {asset} has run. The stages that have run: {', '.join(stages)}."
    elif release is not None and release not in releases:
        message = f"Release {release} has not run. Releases that have run: {', '.join(releases)}."
    else:
        message = f"The stage {asset} has not run for release {release}."
    raise UsageError(message)


def sparkline(values: Sequence[float]) -> str:
    """Return one block character per value; the highest value has full height."""
    highest = max(values, default=0)
    if not highest:
        return SPARKS[0] * len(values)
    steps = len(SPARKS)
    return "".join(SPARKS[min(int(value / highest * steps), steps - 1)] for value in values)


@dataclass(frozen=True)
class Column:
    """A column of the table: the text and style of its cell for a run and recent durations."""

    name: str
    cell: Callable[[StageTrend, Sequence[float]], Text]
    # Shown in narrow terminals too.
    always: bool = True
    justify: Literal["left", "right"] = "right"


def _show(runs: Sequence[StageTrend], durations: Durations) -> None:
    terminal = console()
    columns = [column for column in COLUMNS if terminal.width >= WIDE_TERMINAL or column.always]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.name, justify=column.justify)
    for run in runs:
        recent = durations.get((run.asset, run.release), [])
        table.add_row(*(column.cell(run, recent) for column in columns))
    print_table(terminal, table)
    for run in runs:
        if run.error:
            terminal.print(Text(f"{_stage(run)}: {run.error.splitlines()[0]}", style="red"))


def _stage(run: StageTrend) -> str:
    return run.asset + (f" {run.release}" if run.release else "")


def _outcome(run: StageTrend) -> Text:
    unsuccessful = ("died" if run.died else "failed", "red")
    text, colour = OUTCOME_STYLES.get(StageOutcome(run.outcome), unsuccessful)
    return Text(text, style=colour)


def _usual_seconds(run: StageTrend) -> Text:
    if run.usual_seconds is None:
        return Text("")
    slow = (
        run.seconds_ratio is not None
        and run.seconds_ratio >= SLOW_RATIO
        and (run.seconds or 0) >= MIN_SLOW_SECONDS
    )
    return Text(f"{run.usual_seconds:.2f}", style="yellow" if slow else "")


def _share(share: float | None) -> Text:
    return Text("" if share is None else f"{share:.1%}" if share else "0")


def _number(value: float | None, digits: int = 0) -> Text:
    return Text("" if value is None else f"{value:,.{digits}f}")


COLUMNS = (
    Column("stage", lambda run, _: Text(_stage(run)), justify="left"),
    Column("ago", lambda run, _: Text(format_age(run.started))),
    Column("outcome", lambda run, _: _outcome(run), justify="left"),
    Column("rows", lambda run, _: _number(run.rows)),
    Column("changed", lambda run, _: _share(run.changed_share), always=False),
    Column("rejected", lambda run, _: _share(run.reject_share)),
    Column("seconds", lambda run, _: _number(run.seconds, 2)),
    Column("median", lambda run, _: _usual_seconds(run)),
    Column("rows/s", lambda run, _: _number(run.rows_per_second), always=False),
    Column("recent", lambda _, recent: Text(sparkline(recent)), justify="left"),
)
