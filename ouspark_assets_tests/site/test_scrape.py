"""One release from plan to lake: resumed, rechecked, killed, and complete only when it is."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest

from ouspark_assets.errors import LakeError, SiteError
from ouspark_assets.settings import Settings
from ouspark_assets.site.archive import Answer, PageArchive
from ouspark_assets.site.cohorts import ReleaseFacts
from ouspark_assets.site.judging import Outcome
from ouspark_assets.site.scrape import (
    Codes,
    Progress,
    Request,
    ScrapeReport,
    is_complete,
    run_scrape,
    scrape,
)
from ouspark_assets_tests.site.pages_by_hand import found_page, sentence_page
from ouspark_assets_tests.site.small_site import Answers, Sent, SmallSite, answers_for, small_site

RELEASE = "20250402"
CODES = Codes(("1604", "2453"), ("733", "735"))
STUDENTS = {f"160424733{serial:03d}" for serial in (*range(1, 30), *range(301, 305))}
SETTINGS = Settings(site_read_timeout=2, site_page_timeout=4, site_patience=20)


def request_of(site: SmallSite, **options: object) -> Request:
    facts = ReleaseFacts(
        RELEASE, site.page(), semesters=(1, 3), session_year=2026, session_month=2,
        published_on=datetime.now(UTC).date(),
    )  # fmt: skip
    return Request(facts, (RELEASE,), **options)


def run(
    site: SmallSite, archive: PageArchive, *, settings: Settings = SETTINGS, **options: object
) -> ScrapeReport:
    return run_scrape(settings, request_of(site, **options), archive, CODES, random=Random(1))


@pytest.fixture
def archive(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "lake"))


def found(archive: PageArchive) -> set[str]:
    frame = archive.answers(RELEASE)
    return set(frame.filter(frame["outcome"] == "found")["hall_ticket"])


def test_every_student_ends_up_in_the_lake_with_the_numbers_that_say_so(
    archive: PageArchive,
) -> None:
    shown: list[Progress] = []
    with small_site(answers_for(STUDENTS)) as site:
        request = request_of(site)
        report = run_scrape(SETTINGS, request, archive, CODES, progress=shown.append)
        assert is_complete(SETTINGS, request, archive, CODES)
    assert found(archive) == STUDENTS
    assert report.found == len(STUDENTS)
    assert report.requests == len(site.asked) == report.found + report.not_found
    assert (report.failed, report.retries, report.complete) == (0, 0, True)
    assert report.bytes_received > 1000 * report.found
    assert shown[0].expected > 0


def test_the_second_run_asks_nothing(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        first = run(site, archive)
        parts = archive.parts(RELEASE)
        again = run(site, archive)
    assert (again.requests, again.already_archived) == (0, first.requests)
    assert archive.parts(RELEASE) == parts
    assert again.complete


def test_refetching_asks_everything_again(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        first = run(site, archive)
        again = run(site, archive, refetch=True)
    assert again.found == first.found
    assert again.requests >= first.found


def test_rechecking_asks_again_for_whatever_may_have_changed(archive: PageArchive) -> None:
    late = "160424733029"
    pending = frozenset({"160424733001"})
    with small_site(answers_for(STUDENTS - {late})) as site:
        first = run(site, archive)
    with small_site(answers_for(STUDENTS)) as site:
        again = run(site, archive, recheck=True, pending=pending)
    assert found(archive) == STUDENTS
    assert set(site.tickets) & STUDENTS == {late, *pending}
    assert again.requests >= first.not_found


def test_an_old_release_is_not_rechecked(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        run(site, archive)
        request = request_of(site, recheck=True)
        old = replace(request, facts=replace(request.facts, published_on=date(2026, 3, 1)))
        report = run_scrape(SETTINGS, old, archive, CODES)
    assert report.requests == 0


def test_exactly_the_tickets_named_are_asked(archive: PageArchive) -> None:
    named = ("160424733005", "999999999999")
    with small_site(answers_for(STUDENTS)) as site:
        report = run(site, archive, tickets=named)
    assert sorted(site.tickets) == sorted(named)
    assert (report.found, report.not_found, report.complete) == (1, 1, False)


def test_a_ticket_that_never_works_is_failed_and_tried_first_by_the_next_run(
    archive: PageArchive,
) -> None:
    bad = "160424733007"
    good = answers_for(STUDENTS)
    with small_site(lambda ticket: Sent(b"", 500) if ticket == bad else good(ticket)) as site:
        quick = SETTINGS.model_copy(update={"site_retries": 2})
        report = run(site, archive, settings=quick)
        assert not is_complete(quick, request_of(site), archive, CODES)
    assert report.failed_by_cause == {"http_500": 1}
    assert found(archive) == STUDENTS - {bad}
    with small_site(lambda ticket: Sent(b"", 500) if ticket == bad else good(ticket)) as site:
        report = run(site, archive, settings=quick)
    assert (report.failed_by_cause, report.gave_up) == ({"http_500": 1}, None)
    with small_site(good) as site:
        again = run(site, archive)
    assert site.tickets == [bad]
    assert again.complete
    assert found(archive) == STUDENTS


def test_a_ticket_that_never_works_does_not_take_the_site_down(archive: PageArchive) -> None:
    bad = {f"160424733{serial:03d}" for serial in range(5, 25)}
    good = answers_for(STUDENTS)
    with small_site(lambda ticket: Sent(b"", 500) if ticket in bad else good(ticket)) as site:
        quick = SETTINGS.model_copy(update={"site_retries": 2})
        report = run(site, archive, settings=quick)
    assert report.failed_by_cause == {"http_500": len(bad)}
    assert report.gave_up is None
    assert found(archive) == STUDENTS - bad


def test_one_ticket_that_never_works_is_failed_without_waiting_for_the_site(
    archive: PageArchive,
) -> None:
    with small_site(lambda _: Sent(b"", 500)) as site:
        quick = SETTINGS.model_copy(update={"site_retries": 2, "site_patience": 600.0})
        report = run(site, archive, settings=quick, tickets=("160424733001",))
    assert (report.failed_by_cause, report.gave_up) == ({"http_500": 1}, None)


def test_a_release_that_is_not_published_is_one_clear_line(archive: PageArchive) -> None:
    with (
        small_site(lambda _: Sent(b"", 404)) as site,
        pytest.raises(SiteError, match=f"release {RELEASE}.*not.*published") as caught,
    ):
        run(site, archive)
    assert "\n" not in str(caught.value)
    assert archive.answers(RELEASE).is_empty()


def test_a_page_that_moved_away_is_one_clear_line(archive: PageArchive) -> None:
    moved = Sent(b"", 301, {"Location": "https://results.invalid/"})
    with (
        small_site(lambda _: moved) as site,
        pytest.raises(SiteError, match="OUSPARK_SITE_URL"),
    ):
        run(site, archive)


def test_a_page_on_which_no_one_is_found_yet_is_looked_at_again(archive: PageArchive) -> None:
    with small_site(answers_for(set())) as site:
        report = run(site, archive)
    assert (report.found, report.complete) == (0, False)
    with small_site(answers_for(STUDENTS)) as site:
        assert run(site, archive).complete
    assert found(archive) == STUDENTS


def test_revaluation_on_an_empty_lake_says_that_it_asked_nothing(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        request = request_of(site)
        facts = replace(request.facts, repeaters_only=True)
        report = run_scrape(SETTINGS, replace(request, facts=facts), archive, CODES)
    assert report.requests == 0
    assert "the lake knows none yet" in (report.notice or "")


def test_a_release_of_known_tickets_is_open_again_when_an_earlier_one_arrives(
    archive: PageArchive,
) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        facts = replace(request_of(site).facts, key="20250718", repeaters_only=True)
        later = Request(facts, (RELEASE, "20250718"))
        run_scrape(SETTINGS, later, archive, CODES)
        run(site, archive)
        assert not is_complete(SETTINGS, later, archive, CODES)
        assert run_scrape(SETTINGS, later, archive, CODES).found == len(STUDENTS)
        assert is_complete(SETTINGS, later, archive, CODES)


def test_a_college_that_is_added_reopens_a_complete_release(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        first = run(site, archive)
        wider = SETTINGS.model_copy(update={"site_extra_colleges": ("1603",)})
        assert not is_complete(wider, request_of(site), archive, CODES)
        again = run(site, archive, settings=wider)
    assert 0 < again.requests < first.requests
    assert all(ticket.startswith("1603") for ticket in site.tickets[first.requests :])


def test_the_rate_is_kept(archive: PageArchive) -> None:
    slow = SETTINGS.model_copy(update={"site_rate": 50.0})
    with small_site(answers_for(STUDENTS)) as site:
        run(site, archive, settings=slow, tickets=tuple(sorted(STUDENTS)))
    times = [moment for moment, _ in site.asked]
    assert len(times) == len(STUDENTS)
    assert times[-1] - times[0] >= (len(STUDENTS) - 50 / 4 - 2) / 50


def test_what_is_in_hand_is_written_before_a_scrape_is_left(archive: PageArchive) -> None:
    async def cancelled(site: SmallSite) -> None:
        task = asyncio.ensure_future(scrape(slow, request_of(site), archive, CODES))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    slow = SETTINGS.model_copy(update={"site_rate": 80.0, "site_concurrency": 4})
    with small_site(answers_for(STUDENTS)) as site:
        asyncio.run(cancelled(site))
        archived = set(archive.answers(RELEASE)["hall_ticket"])
        before = len(site.asked)
        assert len(archived) >= before - slow.site_concurrency > 0
        assert run(site, archive).complete
    assert not archived & set(site.tickets[before:])
    assert found(archive) == STUDENTS


def test_a_lake_that_can_not_be_written_ends_the_run_with_a_clear_line(
    archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "the lake is full"

    def refuse(*_: object) -> str:
        raise LakeError(message)

    monkeypatch.setattr(PageArchive, "write", refuse)
    with (
        small_site(answers_for(STUDENTS)) as site,
        pytest.raises(LakeError, match="the lake is full"),
    ):
        run(site, archive)


SCRAPE_IN_A_PROCESS = """
import sys
from ouspark_assets.settings import Settings
from ouspark_assets.site import part_writer
from ouspark_assets.site.archive import PageArchive
from ouspark_assets.site.cohorts import ReleaseFacts
from ouspark_assets.site.scrape import Codes, Request, run_scrape
part_writer.PartWriter.__init__.__kwdefaults__["rows"] = 20
url, lake = sys.argv[1:]
facts = ReleaseFacts("20250402", url, semesters=(1, 3), session_year=2026, session_month=2)
codes = Codes(("1604", "2453"), ("733", "735"))
settings = Settings(site_rate=100.0)
run_scrape(settings, Request(facts, ("20250402",)), PageArchive(lake), codes)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_killed_is_resumed_after_its_last_part(
    archive: PageArchive, sent: signal.Signals
) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        command = [sys.executable, "-c", SCRAPE_IN_A_PROCESS, site.page(), archive.location]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 60
        while not archive.parts(RELEASE) and time.monotonic() < ends:
            time.sleep(0.02)
        process.send_signal(sent)
        process.wait(30)
        archived = set(archive.answers(RELEASE)["hall_ticket"])
        assert len(archived) >= 20
        if sent is not signal.SIGKILL:
            assert len(archived) > len(site.asked) - Settings().site_concurrency
        before = len(site.asked)
        assert run(site, archive).complete
    assert found(archive) == STUDENTS
    assert not archived & set(site.tickets[before:])


def test_an_answer_that_is_archived_as_failed_is_no_answer(archive: PageArchive) -> None:
    ticket = "160424733001"
    failed = Answer(ticket, Outcome.FAILED, None, datetime.now(UTC), 8, 10, None, "timeout")
    archive.write(RELEASE, [failed])
    with small_site(answers_for(STUDENTS)) as site:
        run(site, archive)
    assert site.tickets[0] == ticket
    assert found(archive) == STUDENTS


def by_turns(*answers: Answers) -> Answers:
    """Answers that take turns ticket by ticket: first the first, then the second, and so on."""
    turns: dict[str, int] = {}

    def answer(ticket: str) -> Sent:
        turn = turns.get(ticket, 0)
        turns[ticket] = turn + 1
        return answers[min(turn, len(answers) - 1)](ticket)

    return answer


@pytest.mark.parametrize(
    "bad",
    [
        Sent(b"", 500),
        Sent(reset=True),
        Sent(found_page("160424733001"), cut_to=500),
        Sent(found_page("160424733999")),
        Sent(sentence_page("160424733999")),
        Sent(b"OU SERVER ERROR"),
        Sent(b""),
        Sent(b"", 429, {"Retry-After": "0"}),
        Sent(b"", 503),
    ],
)
def test_no_single_trouble_hides_a_student(archive: PageArchive, bad: Sent) -> None:
    with small_site(by_turns(lambda _: bad, answers_for(STUDENTS))) as site:
        report = run(site, archive, tickets=tuple(sorted(STUDENTS)))
    assert found(archive) == STUDENTS
    assert report.failed == 0
    assert report.retries >= len(STUDENTS)
