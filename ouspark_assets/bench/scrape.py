"""Benchmark of fetching. OuSpark fetches, judges and archives; the references only fetch.

All of them (Scrapy, `requests`, httpx) request the same tickets over 32 connections from the same
stand-in, which runs in a process of its own.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import polars as pl

from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns, measure_seconds
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.references import BenchError, Interpreter
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, build_scope
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.standin.process import RunningStandin, running_standin

CONNECTIONS = 32
OUSPARK, SCRAPY, REQUESTS = "OuSpark", "Scrapy", "requests in 32 threads"
HTTPX = "httpx as it comes"
# Library to its module and script.
LIBRARIES = {SCRAPY: ("scrapy", "scrapy_fetch"), REQUESTS: ("requests", "requests_fetch")}
BUDGETS = {SCRAPY: Budget(Bound.AT_LEAST, 3)}


@dataclass(frozen=True)
class ResultsPage:
    """A release of the stand-in and the hall tickets that have results in it."""

    release: str
    url: str
    tickets: tuple[str, ...]


def measure(bench: Bench) -> Outcome:
    """Return requests per second of OuSpark and of each reference."""
    scale, environment = bench.scale, bench.environment
    with running_standin(students=scale.site_students, releases=1) as site:
        page = read_results_page(site, environment.create_folder("truth"), scale.tickets)
        settings = environment.settings.site.model_copy(update={"site_concurrency": CONNECTIONS})
        lakes = environment.home / "lakes"
        tickets_file = environment.home / "tickets.txt"
        tickets_file.write_text("\n".join(page.tickets), "ascii")
        few = page.tickets[: scale.tickets_of_the_slowest]
        contenders = [
            Contender(OUSPARK, partial(_scrape, settings, page, lakes)),
            *_libraries(bench.python, page, tickets_file),
            Contender(HTTPX, partial(_fetch_by_httpx, page.url, few)),
        ]
        taken = measure_in_turns(contenders, scale.rounds, "requests/s", bench.progress)
    figures = [
        Figure("fetch, judge and archive", taken[OUSPARK], name, samples, BUDGETS.get(name))
        for name, samples in taken.items()
        if name != OUSPARK
    ]
    notes = [f"{name} is not installed: left out" for name in LIBRARIES if name not in taken]
    notes.append(f"{len(page.tickets)} tickets per sample, {len(few)} for {HTTPX}")
    return Outcome("scrape", "Fetching", tuple(figures), tuple(notes))


def read_results_page(site: RunningStandin, folder: Path, max_tickets: int) -> ResultsPage:
    """Return the only release of a stand-in, with the tickets of students in it."""
    site.export(folder)
    attempts = pl.read_parquet(folder / "attempts.parquet")
    release = str(attempts["release"][0])
    tickets = attempts.filter(pl.col("release") == release)["hall_ticket"].unique().sort()
    url = f"{site.url.rstrip('/')}/res07/{release}.jsp"
    return ResultsPage(release, url, tuple(tickets.head(max_tickets)))


def archive_pages(settings: SiteSettings, page: ResultsPage, location: Path) -> PageArchive:
    """Fetch the pages of all tickets into a new lake and return it."""
    archive = PageArchive(str(location))
    facts = ReleaseFacts(page.release, page.url)
    request = ScrapeRequest(facts, (page.release,), tickets=page.tickets)
    report = run_scrape(settings, request, archive, build_scope(settings, (), ()))
    if report.found != len(page.tickets):
        message = f"Only {report.found} of {len(page.tickets)} tickets were found by the scraper"
        raise BenchError(message)
    return archive


def _scrape(settings: SiteSettings, page: ResultsPage, lakes: Path) -> float:
    location = lakes / f"{time.monotonic_ns()}"
    return len(page.tickets) / measure_seconds(lambda: archive_pages(settings, page, location))


def _libraries(python: Interpreter, page: ResultsPage, tickets_file: Path) -> list[Contender]:
    def fetch(script: str) -> Callable[[], float]:
        def sample() -> float:
            result = python.run(script, page.url, tickets_file, CONNECTIONS)
            if result["pages"] != len(page.tickets):
                message = f"{script} fetched {result['pages']} of {len(page.tickets)} pages"
                raise BenchError(message)
            return float(result["pages"] / result["seconds"])

        return sample

    return [
        Contender(name, fetch(script))
        for name, (module, script) in LIBRARIES.items()
        if python.has(module)
    ]


def _fetch_by_httpx(url: str, tickets: Sequence[str]) -> float:
    waiting = iter(tickets)

    async def fetch_waiting(client: httpx.AsyncClient) -> None:
        for ticket in waiting:
            await client.post(url, data={"mbstatus": "SEARCH", "htno": ticket})

    async def fetch_all() -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:
            await asyncio.gather(*(fetch_waiting(client) for _ in range(CONNECTIONS)))

    return len(tickets) / measure_seconds(lambda: asyncio.run(fetch_all()))
