"""The state of things in a terminal: one screen, the worst in red. Nothing is decided here."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from ouspark_assets.cli.output import console
from ouspark_assets.status.runs import LastRun, Outcome, StageRun
from ouspark_assets.status.state import CacheState, PublicationState, Status

MOST_LINES = 8
COLOURS = {
    Outcome.SUCCEEDED.value: "green",
    Outcome.FAILED.value: "red",
    Outcome.RUNNING.value: "yellow",
}
SERVICES = {
    "dev_dsn": "development",
    "prod_dsn": "production",
    "redis_url": "cache",
    "site_url": "site",
}
MINUTE, HOUR, DAY = 60, 3600, 86400


def show_status(status: Status) -> None:
    """A line or a few for each part."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, lines in _parts(status):
        shown = lines[:MOST_LINES]
        if len(lines) > MOST_LINES:
            shown.append(Text(f"and {len(lines) - MOST_LINES} more; --json lists all", style="dim"))
        table.add_row(name, Text("\n").join(shown))
    console().print(table)


def _parts(status: Status) -> Iterator[tuple[str, list[Text]]]:
    yield "Last run", _last_run(status.last_run)
    stale = [Text(line, style="yellow") for line in status.stale]
    yield "Stale", stale or [_fine(_nothing_stale(status))]
    yield "Failed", [_failed(stage) for stage in status.failed] or [_fine("nothing")]
    yield "Quarantine", _quarantine(status)
    yield "Publication", _publication(status.publication)
    yield "Cache", [_cache(status.cache)]
    yield "Services", [_services(status)]


def _last_run(run: LastRun | None) -> list[Text]:
    if run is None:
        return [Text("none yet; `ouspark run` brings everything in", style="yellow")]
    took = "not ended: still at work, or killed" if run.seconds is None else f"{run.seconds:.1f} s"
    releases = f", {len(run.releases)} releases" if run.releases else ""
    head = Text(f"{_when(run.started)}, {took}, {run.stages} stages{releases}: ")
    head.append(run.outcome, style=COLOURS[run.outcome])
    return [head, *(Text(_first_line(error), style="red") for error in run.errors)]


def _nothing_stale(status: Status) -> str:
    count = len(status.releases)
    return f"nothing: {count} release{'' if count == 1 else 's'} complete and loaded"


def _failed(stage: StageRun) -> Text:
    release = f" of {stage.release}" if stage.release else ""
    why = _first_line(stage.error) if stage.error else "not ended: still at work, or killed"
    return Text(f"{stage.asset}{release}, {_when(stage.started)}: {why}", style="red")


def _quarantine(status: Status) -> list[Text]:
    if not status.quarantine_open:
        return [_fine("nothing open")]
    records = f"{status.quarantine_open} record{'' if status.quarantine_open == 1 else 's'} open"
    lines = [Text(f"{records}; see `ouspark quarantine list`", style="yellow")]
    return lines + [
        Text(f"{it.records} × {it.table_name}: {it.reason}") for it in status.quarantine
    ]


def _publication(publication: PublicationState) -> list[Text]:
    if publication.problem:
        return [Text(publication.problem, style="red")]
    if publication.number is None:
        return [Text("none yet")]
    when = f", {_when(publication.published_at)}" if publication.published_at else ""
    held = [Text(publication.held, style="yellow")] if publication.held else []
    return [Text(f"{publication.number}{when}"), *held]


def _cache(cache: CacheState) -> Text:
    if cache.problem:
        return Text(cache.problem, style="yellow")
    return Text(f"generation {cache.generation}" if cache.generation else "no generation")


def _services(status: Status) -> Text:
    line = Text()
    for number, it in enumerate(status.services):
        style = {"failed": "red", "stopped": "dim"}.get(it.state, "")
        line.append("  " if number else "")
        line.append(f"{SERVICES[it.setting]} {it.state}", style=style)
    return line


def _fine(text: str) -> Text:
    return Text(text, style="green")


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""


def _when(moment: datetime) -> str:
    """The time, and how long ago that is."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    steps = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
    size, unit = next(((size, unit) for size, unit in steps if seconds >= size), (1, "s"))
    return (
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({max(int(seconds // size), 0)} {unit} ago)"
    )
