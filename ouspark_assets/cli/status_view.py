"""How `ouspark status` looks in a terminal: one screen, problems in red. Decides nothing."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from ouspark_assets.cli.output import console, format_age, format_moment
from ouspark_assets.domain.addresses import host_and_port
from ouspark_assets.operations.alerts.formatting import format_count
from ouspark_assets.operations.status import (
    CacheState,
    LastRun,
    PublicationState,
    StageOutcome,
    Status,
)
from ouspark_assets.warehouse.records.site_health import SiteHealth, UnfinishedScrape
from ouspark_assets.warehouse.records.stage_runs import StageRun

MAX_LINES = 8
COLOURS = {
    StageOutcome.SUCCEEDED.value: "green",
    StageOutcome.FAILED.value: "red",
    StageOutcome.KILLED.value: "red",
    StageOutcome.RUNNING.value: "yellow",
}
SERVICES = {
    "dev_dsn": "development",
    "prod_dsn": "production",
    "redis_url": "cache",
    "site_url": "site",
}
BREAKER_CLOSED = "closed"


def show_status(status: Status) -> None:
    """Print a few lines per section."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, lines in _sections(status):
        shown = lines[:MAX_LINES]
        if len(lines) > MAX_LINES:
            rest = f"and {len(lines) - MAX_LINES} more; use --json to list all"
            shown.append(Text(rest, style="dim"))
        table.add_row(name, Text("\n").join(shown))
    console().print(table)


def _sections(status: Status) -> Iterator[tuple[str, list[Text]]]:
    yield "Running", _running(status) or [Text("nothing", style="dim")]
    yield "Last run", _last_run(status.last_run)
    stale = [Text(line, style="yellow") for line in status.stale]
    yield "Stale", stale or [_nothing_stale(status)]
    failures = [
        *(_failed_stage(stage) for stage in status.failed),
        *(Text(f"check {name}", style="red") for name in status.failed_checks),
    ]
    yield "Failed", failures or [Text("nothing", style="green")]
    yield "Quarantine", _quarantine(status)
    if status.no_results:
        yield "No result", _no_results(status)
    yield "Site", [_present_site(status)]
    yield "Publication", _publication(status.publication)
    yield "Cache", [_cache(status.cache)]
    yield "Services", [_services(status)]


def _nothing_stale(status: Status) -> Text:
    """Return the opposite of what `stale` may list: releases, then production and the cache."""
    if not status.releases:
        return Text("nothing: no release is known yet", style="dim")
    releases = format_count(len(status.releases), "release")
    line = f"nothing: the {releases} that `ouspark run` selects complete and loaded"
    if status.publication.problem is None and status.cache.problem is None:
        line += ", production and cache up to date"
    return Text(line, style="green")


def _running(status: Status) -> list[Text]:
    scraped = {(scrape.run_id, scrape.release) for scrape in status.scrapes}
    return [
        *(_scrape(scrape) for scrape in status.scrapes),
        *(
            Text(f"{_stage_name(stage)} for {format_age(stage.started)}")
            for stage in status.running
            if (stage.run_id, stage.release) not in scraped
        ),
    ]


def _scrape(scrape: UnfinishedScrape) -> Text:
    failed = f", {scrape.failed:,} failed" if scrape.failed else ""
    return Text(
        f"scraping {scrape.release} for {format_age(scrape.started)}: {scrape.requests:,} of about "
        f"{max(scrape.expected, scrape.requests):,} requests, {scrape.found:,} found{failed}, "
        f"{scrape.per_second:,.0f}/s (reported {format_age(scrape.seen_at)} ago)"
    )


def _last_run(run: LastRun | None) -> list[Text]:
    if run is None:
        return [Text("none yet; start one with `ouspark run`", style="yellow")]
    duration = "not finished" if run.seconds is None else f"{run.seconds:.1f} s"
    releases = f", {format_count(len(run.releases), 'release')}" if run.releases else ""
    stages = format_count(run.stages, "stage")
    head = Text(f"{format_moment(run.started)}, {duration}, {stages}{releases}: ")
    head.append(run.outcome, style=COLOURS[run.outcome])
    return [head, *(Text(_first_line(error), style="red") for error in run.errors)]


def _failed_stage(stage: StageRun) -> Text:
    reason = _first_line(stage.error) if stage.error else "killed; the next run resumes it"
    return Text(f"{_stage_name(stage)}, {format_moment(stage.started)}: {reason}", style="red")


def _stage_name(stage: StageRun) -> str:
    return stage.asset + (f" of {stage.release}" if stage.release else "")


def _quarantine(status: Status) -> list[Text]:
    if not status.quarantine_open:
        return [Text("no open records", style="green")]
    records = format_count(status.quarantine_open, "open record")
    return [
        Text(f"{records}; see `ouspark quarantine list`", style="yellow"),
        *(
            Text(f"{reason.records} × {reason.table_name}: {reason.reason}")
            for reason in status.quarantine
        ),
    ]


def _no_results(status: Status) -> list[Text]:
    tickets = sum(each.hall_tickets for each in status.no_results)
    return [
        Text(f"{format_count(tickets, 'hall ticket')} got a sentence instead of a result"),
        *(
            Text(
                f"{each.hall_tickets} × {each.sentence} ({format_count(each.releases, 'release')})"
            )
            for each in status.no_results
        ),
    ]


def _present_site(status: Status) -> Text:
    """Return the state of the site that the settings name, or of the last one if it is stopped.

    Other sites that were scraped earlier are in the JSON only.
    """
    address = next(
        (service.address for service in status.services if service.setting == "site_url"), None
    )
    if address is None:
        return _site(status.sites[0]) if status.sites else Text("not scraped", style="dim")
    host = host_and_port(address)
    known = (_site(site) for site in status.sites if site.host == host)
    return next(known, Text(f"{host} has not been scraped yet", style="dim"))


def _site(site: SiteHealth) -> Text:
    """Return a site's current state while it is scraped, else the state after its last scrape."""
    line = Text(f"{site.host} ")
    if site.breaker == BREAKER_CLOSED:
        line.append("answers", style="green")
    else:
        line.append(
            "is down" if site.alive else "was down", style="red" if site.alive else "yellow"
        )
    line.append(f" (circuit breaker {site.breaker} since {format_moment(site.since)})")
    if site.alive:
        line.append(f", at most {site.at_once} of {site.most_at_once} concurrent requests")
    elif site.scraping:
        line.append(f", when its scrape was killed {format_age(site.seen_at)} ago", style="yellow")
    else:
        line.append(f", as of {format_age(site.seen_at)} ago")
    if site.trouble and site.troubled_at:
        line.append(f"; last failure: {site.trouble}, {format_age(site.troubled_at)} ago")
    return line


def _publication(publication: PublicationState) -> list[Text]:
    if publication.problem:
        return [Text(publication.problem, style="red")]
    if publication.number is None:
        return [Text("none yet")]
    published = f", {format_moment(publication.published_at)}" if publication.published_at else ""
    held = [Text(publication.held, style="yellow")] if publication.held else []
    return [Text(f"{publication.number}{published}"), *held]


def _cache(cache: CacheState) -> Text:
    if cache.problem:
        return Text(cache.problem, style="yellow")
    if cache.generation is None:
        return Text("no current generation")
    publication = f" of publication {cache.publication}" if cache.publication else ""
    built = f", built {format_moment(cache.built_at)}" if cache.built_at else ""
    return Text(f"generation {cache.generation}{publication}{built}")


def _services(status: Status) -> Text:
    line = Text()
    for number, service in enumerate(status.services):
        line.append("  " if number else "")
        line.append(
            f"{SERVICES[service.setting]} {service.state}",
            style={"failed": "red", "stopped": "dim"}.get(service.state, ""),
        )
    return line


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
