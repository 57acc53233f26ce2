"""Fetching: ours (fetch, judge, archive) beside Scrapy, `requests` and httpx, which only fetch.

All ask the same stand-in, in a process of its own, for the same tickets over 32 connections.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import polars as pl

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.references import BenchError, Interpreter
from ouspark_assets.bench.rounds import Contender, take_turns
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_request import KnownCodes, ScrapeRequest
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.standin.process import RunningStandin, running_standin

CONNECTIONS = 32
OURS, SCRAPY, REQUESTS, HTTPX = "OuSpark", "Scrapy", "requests in 32 threads", "httpx as it comes"
BUDGETS = {SCRAPY: Budget(Bound.AT_LEAST, 3)}


@dataclass(frozen=True)
class Page:
    """A results page and the students on it."""

    release: str
    url: str
    tickets: tuple[str, ...]

    @property
    def facts(self) -> ReleaseFacts:
        """As the scraper wants to know it."""
        return ReleaseFacts(self.release, self.url)


def measure(bench: Bench) -> Outcome:
    """Requests a second of each."""
    scale = bench.scale
    with running_standin(students=scale.site_students, releases=1) as site:
        page = page_of(site, bench.room.folder("truth"), scale.tickets)
        settings = bench.room.settings.site.model_copy(update={"site_concurrency": CONNECTIONS})
        lake = bench.room.home / "lakes"
        contenders = [Contender(OURS, partial(_ours, settings, page, lake))]
        contenders += _libraries(bench.python, page, bench.room.folder("tickets"))
        few = page.tickets[: scale.tickets_of_the_slowest]
        contenders.append(Contender(HTTPX, partial(_httpx, page.url, few)))
        taken = take_turns(contenders, scale.rounds, "requests/s", bench.watch)
    figures = [
        Figure("fetch, judge and archive", taken[OURS], name, samples, BUDGETS.get(name))
        for name, samples in taken.items()
        if name != OURS
    ]
    missing = [name for name in (SCRAPY, REQUESTS) if name not in taken]
    notes = [f"{name} is not installed: left out" for name in missing]
    notes.append(f"{len(page.tickets)} tickets per sample, {len(few)} for {HTTPX}")
    return Outcome("scrape", "Fetching", tuple(figures), tuple(notes))


def page_of(site: RunningStandin, folder: Path, most: int) -> Page:
    """The one release of a stand-in, with the tickets of students on it."""
    site.export(folder)
    attempts = pl.read_parquet(folder / "attempts.parquet")
    release = str(attempts["release"][0])
    tickets = attempts.filter(pl.col("release") == release)["hall_ticket"].unique().sort()
    return Page(release, f"{site.url.rstrip('/')}/res07/{release}.jsp", tuple(tickets.head(most)))


def archived(settings: SiteSettings, page: Page, location: Path) -> PageArchive:
    """The pages of all tickets, fetched into a lake."""
    archive = PageArchive(str(location))
    request = ScrapeRequest(page.facts, (page.release,), tickets=page.tickets)
    report = run_scrape(settings, request, archive, KnownCodes((), ()))
    if report.found != len(page.tickets):
        message = f"Only {report.found} of {len(page.tickets)} tickets were found by the scraper"
        raise BenchError(message)
    return archive


def _ours(settings: SiteSettings, page: Page, lakes: Path) -> float:
    began = time.perf_counter()
    archived(settings, page, lakes / f"{time.monotonic_ns()}")
    return len(page.tickets) / (time.perf_counter() - began)


def _libraries(python: Interpreter, page: Page, folder: Path) -> list[Contender]:
    tickets = folder / "tickets.txt"
    tickets.write_text("\n".join(page.tickets), "ascii")
    scripts = {SCRAPY: ("scrapy", "scrapy_fetch"), REQUESTS: ("requests", "requests_fetch")}
    return [
        Contender(name, _fetching(python, script, page, tickets))
        for name, (module, script) in scripts.items()
        if python.has(module)
    ]


def _fetching(python: Interpreter, script: str, page: Page, tickets: Path) -> Callable[[], float]:
    def sample() -> float:
        result = python.run(script, page.url, tickets, CONNECTIONS)
        if result["pages"] != len(page.tickets):
            message = f"{script} fetched {result['pages']} of {len(page.tickets)} pages"
            raise BenchError(message)
        return float(result["pages"] / result["seconds"])

    return sample


def _httpx(url: str, tickets: Sequence[str]) -> float:
    began = time.perf_counter()
    asyncio.run(_ask_all(url, tickets))
    return len(tickets) / (time.perf_counter() - began)


async def _ask_all(url: str, tickets: Sequence[str]) -> None:
    waiting = iter(tickets)

    async def ask_next() -> None:
        for ticket in waiting:
            await client.post(url, data={"mbstatus": "SEARCH", "htno": ticket})

    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:
        await asyncio.gather(*(ask_next() for _ in range(CONNECTIONS)))
