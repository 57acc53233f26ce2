"""A run continues where the last one ended: after a kill, for rechecks, until complete."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, is_complete
from ouspark_assets.sources.results_site.scraper import run_scrape, scrape
from ouspark_assets_tests.sources.results_site.small_site import (
    RELEASE,
    SETTINGS,
    STUDENTS,
    Sent,
    SmallSite,
    answers_for,
    found_tickets,
    make_request,
    scope_of,
    scrape_site,
    small_site,
)
from ouspark_assets_tests.support.waiting import wait_until


def test_a_second_run_sends_no_request(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        first = scrape_site(site, archive)
        parts = archive.parts(RELEASE)
        again = scrape_site(site, archive)
    assert (again.requests, again.already_archived) == (0, first.requests)
    assert archive.parts(RELEASE) == parts
    assert again.complete


def test_refetch_requests_everything_again(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        first = scrape_site(site, archive)
        again = scrape_site(site, archive, refetch=True)
    assert again.found == first.found
    assert again.requests >= first.found


def test_recheck_requests_missing_and_pending_tickets_again(archive: PageArchive) -> None:
    late = "160424733029"
    pending = frozenset({"160424733001"})
    with small_site(answers_for(STUDENTS - {late})) as site:
        first = scrape_site(site, archive)
    with small_site(answers_for(STUDENTS)) as site:
        again = scrape_site(site, archive, recheck=True, pending=pending)
    assert found_tickets(archive) == STUDENTS
    assert set(site.tickets) & STUDENTS == {late, *pending}
    assert again.requests >= first.not_found


def test_an_old_release_is_not_rechecked(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        scrape_site(site, archive)
        request = make_request(site, recheck=True)
        old = replace(request, facts=replace(request.facts, published_on=date(2026, 3, 1)))
        report = run_scrape(SETTINGS, old, archive, scope_of(SETTINGS))
    assert report.requests == 0


def test_a_release_without_any_student_found_is_requested_again(archive: PageArchive) -> None:
    with small_site(answers_for(set())) as site:
        report = scrape_site(site, archive)
    assert (report.found, report.complete) == (0, False)
    with small_site(answers_for(STUDENTS)) as site:
        assert scrape_site(site, archive).complete
    assert found_tickets(archive) == STUDENTS


def test_an_earlier_release_reopens_a_release_of_known_tickets(
    archive: PageArchive,
) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        facts = replace(make_request(site).facts, key="20250718", repeaters_only=True)
        later = ScrapeRequest(facts, (RELEASE, "20250718"))
        run_scrape(SETTINGS, later, archive, scope_of(SETTINGS))
        scrape_site(site, archive)
        assert not is_complete(later, archive, scope_of(SETTINGS))
        assert run_scrape(SETTINGS, later, archive, scope_of(SETTINGS)).found == len(STUDENTS)
        assert is_complete(later, archive, scope_of(SETTINGS))


def test_a_new_college_reopens_a_complete_release(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        first = scrape_site(site, archive)
        wider = SETTINGS.model_copy(update={"site_extra_colleges": ("1603",)})
        assert not is_complete(make_request(site), archive, scope_of(wider))
        again = scrape_site(site, archive, settings=wider)
    assert 0 < again.requests < first.requests
    assert all(ticket.startswith("1603") for ticket in site.tickets[first.requests :])


def test_a_cancelled_scrape_writes_the_answers_it_received(archive: PageArchive) -> None:
    async def cancelled(site: SmallSite) -> None:
        task = asyncio.ensure_future(scrape(slow, make_request(site), archive, scope_of(slow)))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    slow = SETTINGS.model_copy(update={"site_rate": 80.0, "site_concurrency": 4})
    with small_site(answers_for(STUDENTS)) as site:
        asyncio.run(cancelled(site))
        archived = set(archive.answers(RELEASE)["hall_ticket"])
        before = len(site.requests)
        assert len(archived) >= before - slow.site_concurrency > 0
        assert scrape_site(site, archive).complete
    assert not archived & set(site.tickets[before:])
    assert found_tickets(archive) == STUDENTS


SCRAPE_IN_A_PROCESS = """
import sys
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site import part_writer
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, build_scope
from ouspark_assets.sources.results_site.scraper import run_scrape
part_writer.PartWriter.__init__.__kwdefaults__["rows"] = 20
url, lake = sys.argv[1:]
facts = ReleaseFacts("20250402", url, semesters=(1, 3), session_year=2026, session_month=2)
settings = SiteSettings(site_rate=100.0)
scope = build_scope(settings, ("1604", "2453"), ("733", "735"))
run_scrape(settings, ScrapeRequest(facts, ("20250402",)), PageArchive(lake), scope)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_run_is_resumed_after_its_last_part(
    archive: PageArchive, sent: signal.Signals
) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        command = [sys.executable, "-c", SCRAPE_IN_A_PROCESS, site.page(), archive.location]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        wait_until("a part was written", lambda: bool(archive.parts(RELEASE)), timeout=60)
        process.send_signal(sent)
        process.wait(30)
        archived = set(archive.answers(RELEASE)["hall_ticket"])
        assert len(archived) >= 20
        if sent is not signal.SIGKILL:
            assert len(archived) > len(site.requests) - SiteSettings().site_concurrency
        before = len(site.requests)
        assert scrape_site(site, archive).complete
    assert found_tickets(archive) == STUDENTS
    assert not archived & set(site.tickets[before:])


def test_a_ticket_archived_as_failed_is_requested_again(archive: PageArchive) -> None:
    ticket = "160424733001"
    failed = ArchivedAnswer(ticket, Outcome.FAILED, None, datetime.now(UTC), 8, 10, None, "timeout")
    archive.write(RELEASE, [failed])
    with small_site(answers_for(STUDENTS)) as site:
        scrape_site(site, archive)
    assert site.tickets[0] == ticket
    assert found_tickets(archive) == STUDENTS


def test_a_failed_ticket_is_requested_first_by_the_next_run(
    archive: PageArchive,
) -> None:
    bad = "160424733007"
    good = answers_for(STUDENTS)
    with small_site(lambda ticket: Sent(b"", 500) if ticket == bad else good(ticket)) as site:
        quick = SETTINGS.model_copy(update={"site_retries": 2})
        report = scrape_site(site, archive, settings=quick)
        assert not is_complete(make_request(site), archive, scope_of(quick))
    assert report.failed_by_cause == {"http_500": 1}
    assert found_tickets(archive) == STUDENTS - {bad}
    with small_site(lambda ticket: Sent(b"", 500) if ticket == bad else good(ticket)) as site:
        report = scrape_site(site, archive, settings=quick)
    assert (report.failed_by_cause, report.gave_up) == ({"http_500": 1}, None)
    with small_site(good) as site:
        again = scrape_site(site, archive)
    assert site.tickets == [bad]
    assert again.complete
    assert found_tickets(archive) == STUDENTS
