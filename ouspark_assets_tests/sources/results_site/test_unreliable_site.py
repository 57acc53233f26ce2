"""Scrapes of an unreliable site lose no student: small here, at full size in the full suite."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest

from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_index import parse_index, select_releases
from ouspark_assets.sources.results_site.scrape_report import ScrapeReport
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, read_scope
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.sources.results_site.site_index import fetch_index
from ouspark_assets.standin.process import RunningStandin, running_standin
from ouspark_assets_tests.sources.results_site.small_site import (
    STUDENTS,
    Sent,
    answers_for,
    found_tickets,
    make_request,
    scope_of,
    small_site,
)

SHORT = {"site_read_timeout": 0.5, "site_page_timeout": 1.5, "site_connect_timeout": 2}
OUTAGE = 2.0

CAUSES_BY_FAULT = {
    "errors": "http_500",
    "resets": "connection",
    "timeouts": "timeout",
    "drips": "too_slow",
    "truncated": "truncated",
    "soft-errors": "unknown_page",
    "wrong-ticket": "wrong_ticket",
    "rate-limit:300": "http_429",
    "outage:1": "http_500",
}


@dataclass(frozen=True)
class FaultyScrape:
    """A scrape of a whole release under some faults, and the students who are really in it."""

    report: ScrapeReport
    outcomes: dict[str, str]
    students: set[str]

    def missing(self) -> set[str]:
        """Students that were not found."""
        return {ticket for ticket in self.students if self.outcomes.get(ticket) != "found"}

    def denied(self) -> set[str]:
        """Students that are archived as not found."""
        return {ticket for ticket in self.students if self.outcomes.get(ticket) == "not_found"}


def scrape_with_faults(
    folder: Path, faults: str, students: int, **settings: object
) -> FaultyScrape:
    with running_standin(students=students, releases=1, faults=faults) as site:
        return scrape_standin(site, folder, SiteSettings(**settings))


def scrape_standin(site: RunningStandin, folder: Path, settings: SiteSettings) -> FaultyScrape:
    page = asyncio.run(fetch_index(settings, site.url))
    assert page.body is not None
    index = parse_index(page.body, page.url, seen_at=datetime.now(UTC)).frame
    (release,) = select_releases(index)
    archive = PageArchive(str(folder / "lake"))
    request = ScrapeRequest.from_index(index, release)
    report = run_scrape(settings, request, archive, read_scope(settings), random=Random(1))
    truth = pl.read_parquet(site.export(folder / "truth") / "results.parquet")
    students = set(truth.filter(pl.col("release") == release)["hall_ticket"])
    answers = archive.answers(release).select("hall_ticket", "outcome")
    return FaultyScrape(report, dict(answers.iter_rows()), students)


@pytest.mark.parametrize("faults", CAUSES_BY_FAULT)
def test_every_student_is_found_despite_the_fault(tmp_path: Path, faults: str) -> None:
    result = scrape_with_faults(tmp_path, faults, 60, **SHORT)
    assert result.report.failed_requests_by_cause[CAUSES_BY_FAULT[faults]] > 0
    assert len(result.students) > 50
    assert not result.missing()
    assert result.report.complete


def test_every_student_is_found_despite_all_faults_at_once(tmp_path: Path) -> None:
    result = scrape_with_faults(tmp_path, "everything,outage:1", 60, **SHORT)
    assert len(result.report.failed_requests_by_cause) >= 5
    assert not result.missing()


def test_during_an_outage_only_trial_requests_are_sent(tmp_path: Path) -> None:
    good = answers_for(STUDENTS)
    began: list[float] = []

    def answers(ticket: str) -> Sent:
        if len(site.requests) > 40 and not began:
            began.append(time.monotonic())
        down = began and time.monotonic() - began[0] < OUTAGE
        return Sent(b"", 500) if down else good(ticket)

    archive = PageArchive(str(tmp_path))
    settings = SiteSettings(site_concurrency=8, site_retries=3)
    with small_site(answers) as site:
        report = run_scrape(
            settings, make_request(site), archive, scope_of(settings), random=Random(1)
        )
    # Requests that were open when the outage began come before the trials.
    asked = [moment - began[0] for moment, _ in site.requests]
    trials = [moment for moment in asked if 0.3 < moment < OUTAGE]
    assert 1 <= len(trials) <= 6
    assert report.seconds_waited_for_site >= 1
    assert found_tickets(archive) == STUDENTS
    # If the outage counted towards a budget of three attempts, some tickets would have failed.
    assert report.failed == 0


def test_a_long_outage_ends_the_run_and_the_next_run_continues(tmp_path: Path) -> None:
    good = answers_for(STUDENTS)
    archive = PageArchive(str(tmp_path))
    with small_site(lambda t: good(t) if len(site.requests) < 30 else Sent(reset=True)) as site:
        settings = SiteSettings(site_patience=1.0, site_concurrency=4)
        report = run_scrape(settings, make_request(site), archive, scope_of(settings))
    assert "down" in (report.gave_up or "")
    assert not report.complete
    assert set(archive.answers(make_request(site).facts.key)["outcome"]) <= {
        "found", "not_found", "failed",
    }  # fmt: skip
    with small_site(good) as site:
        assert run_scrape(
            SiteSettings(), make_request(site), archive, scope_of(SiteSettings())
        ).complete
    assert found_tickets(archive) == STUDENTS


def test_retry_after_stops_all_requests(tmp_path: Path) -> None:
    good = answers_for(STUDENTS)
    refused: list[float] = []

    def answers(ticket: str) -> Sent:
        if len(site.requests) == 20:
            refused.append(time.monotonic())
            return Sent(b"", 429, {"Retry-After": "1"})
        return good(ticket)

    archive = PageArchive(str(tmp_path))
    with small_site(answers) as site:
        report = run_scrape(
            SiteSettings(site_concurrency=4),
            make_request(site),
            archive,
            scope_of(SiteSettings(site_concurrency=4)),
        )
    after = [moment - refused[0] for moment, _ in site.requests]
    assert not [moment for moment in after if 0.2 < moment < 0.9]
    assert report.seconds_waited_for_site >= 0.9
    assert found_tickets(archive) == STUDENTS


@pytest.mark.full
@pytest.mark.parametrize("faults", [*CAUSES_BY_FAULT, "outage", "rate-limit", "everything"])
def test_every_student_is_found_despite_the_fault_at_full_size(tmp_path: Path, faults: str) -> None:
    short = {"site_read_timeout": 2, "site_page_timeout": 5}
    result = scrape_with_faults(tmp_path, faults, 1500, **short)
    assert len(result.students) > 1400
    assert not result.denied()
    assert not result.missing()
    assert result.report.complete


@pytest.mark.full
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_thousand_students_are_found_with_few_requests(tmp_path: Path, seed: int) -> None:
    with running_standin(students=10_500, releases=1, seed=seed) as site:
        result = scrape_standin(site, tmp_path, SiteSettings())
    assert len(result.students) >= 10_000
    assert len(result.missing()) <= len(result.students) / 1000
    assert result.report.requests <= 1.6 * len(result.students)
