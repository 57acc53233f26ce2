"""The state of things in a terminal: one screen, the worst in red. Nothing is decided here."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from ouspark_assets.cli.output import console, format_age, format_moment
from ouspark_assets.operations.status.runs import LastRun, Outcome, StageRun
from ouspark_assets.operations.status.state import CacheState, PublicationState, Status
from ouspark_assets.warehouse.records.site_health import ScrapeUnderWay, SiteHealth

MOST_LINES = 8
COLOURS = {
    Outcome.SUCCEEDED.value: "green",
    Outcome.FAILED.value: "red",
    Outcome.KILLED.value: "red",
    Outcome.RUNNING.value: "yellow",
}
SERVICES = {
    "dev_dsn": "development",
    "prod_dsn": "production",
    "redis_url": "cache",
    "site_url": "site",
}
CLOSED = "closed"


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
    yield "Running", _running(status) or [Text("nothing", style="dim")]
    yield "Last run", _last_run(status.last_run)
    stale = [Text(line, style="yellow") for line in status.stale]
    yield "Stale", stale or [_fine(_nothing_stale(status))]
    checks = [Text(f"check {name}", style="red") for name in status.failed_checks]
    yield "Failed", [*map(_failed, status.failed), *checks] or [_fine("nothing")]
    yield "Quarantine", _quarantine(status)
    # Sites of before, as a stand-in of yesterday, are in the JSON.
    yield "Site", [_site(it) for it in status.sites[:1]] or [Text("not scraped yet", style="dim")]
    yield "Publication", _publication(status.publication)
    yield "Cache", [_cache(status.cache)]
    yield "Services", [_services(status)]


def _running(status: Status) -> list[Text]:
    scraped = {(it.run_id, it.release) for it in status.scrapes}
    return [
        *(_scrape(it) for it in status.scrapes),
        *(
            Text(f"{_named(it)}, for {format_age(it.started)}")
            for it in status.running
            if (it.run_id, it.release) not in scraped
        ),
    ]


def _scrape(scrape: ScrapeUnderWay) -> Text:
    failed = f", {scrape.failed:,} failed" if scrape.failed else ""
    return Text(
        f"scraping {scrape.release} for {format_age(scrape.started)}: {scrape.requests:,} of about "
        f"{max(scrape.expected, scrape.requests):,} requests, {scrape.found:,} found{failed}, "
        f"{scrape.per_second:,.0f}/s ({format_age(scrape.seen_at)} ago)"
    )


def _last_run(run: LastRun | None) -> list[Text]:
    if run is None:
        return [Text("none yet; `ouspark run` brings everything in", style="yellow")]
    took = "not ended" if run.seconds is None else f"{run.seconds:.1f} s"
    releases = f", {_counted(len(run.releases), 'release')}" if run.releases else ""
    stages = _counted(run.stages, "stage")
    head = Text(f"{format_moment(run.started)}, {took}, {stages}{releases}: ")
    head.append(run.outcome, style=COLOURS[run.outcome])
    return [head, *(Text(_first_line(error), style="red") for error in run.errors)]


def _nothing_stale(status: Status) -> str:
    return f"nothing: {_counted(len(status.releases), 'release')} complete and loaded"


def _failed(stage: StageRun) -> Text:
    why = _first_line(stage.error) if stage.error else "killed; the next run goes on from there"
    return Text(f"{_named(stage)}, {format_moment(stage.started)}: {why}", style="red")


def _named(stage: StageRun) -> str:
    return stage.asset + (f" of {stage.release}" if stage.release else "")


def _quarantine(status: Status) -> list[Text]:
    if not status.quarantine_open:
        return [_fine("nothing open")]
    records = _counted(status.quarantine_open, "record")
    lines = [Text(f"{records} open; see `ouspark quarantine list`", style="yellow")]
    return lines + [
        Text(f"{it.records} × {it.table_name}: {it.reason}") for it in status.quarantine
    ]


def _site(site: SiteHealth) -> Text:
    """What is known of a site: as of now while it is scraped, else as the last scrape left it."""
    if site.breaker == CLOSED:
        line = Text(f"{site.host} ").append("answers", style="green")
        line.append(f" (breaker {site.breaker} since {format_moment(site.since)})")
    else:
        down = "is down" if site.alive else "was down"
        line = Text(f"{site.host} ").append(down, style="red" if site.alive else "yellow")
        line.append(f" (breaker {site.breaker} since {format_moment(site.since)})")
    if site.alive:
        line.append(f", {site.at_once} of {site.most_at_once} requests at once")
    elif site.scraping:
        line.append(f", when its scrape was killed {format_age(site.seen_at)} ago", style="yellow")
    else:
        line.append(f", as seen {format_age(site.seen_at)} ago")
    if site.trouble and site.troubled_at:
        line.append(f"; last trouble: {site.trouble}, {format_age(site.troubled_at)} ago")
    return line


def _publication(publication: PublicationState) -> list[Text]:
    if publication.problem:
        return [Text(publication.problem, style="red")]
    if publication.number is None:
        return [Text("none yet")]
    at = f", {format_moment(publication.published_at)}" if publication.published_at else ""
    held = [Text(publication.held, style="yellow")] if publication.held else []
    return [Text(f"{publication.number}{at}"), *held]


def _cache(cache: CacheState) -> Text:
    if cache.problem:
        return Text(cache.problem, style="yellow")
    if cache.generation is None:
        return Text("no generation")
    of = f" of publication {cache.publication}" if cache.publication else ""
    at = f", built {format_moment(cache.built_at)}" if cache.built_at else ""
    return Text(f"generation {cache.generation}{of}{at}")


def _services(status: Status) -> Text:
    line = Text()
    for number, it in enumerate(status.services):
        style = {"failed": "red", "stopped": "dim"}.get(it.state, "")
        line.append("  " if number else "")
        line.append(f"{SERVICES[it.setting]} {it.state}", style=style)
    return line


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _fine(text: str) -> Text:
    return Text(text, style="green")


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
