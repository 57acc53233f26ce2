"""The scrape of one release, from the plan to the lake."""

from dataclasses import replace

import pytest

from ouspark_assets.domain.errors import LakeError, SiteError
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.scrape_request import is_complete
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets_tests.sources.results_site.small_site import (
    RELEASE,
    SETTINGS,
    STUDENTS,
    Answers,
    NoJitter,
    Sent,
    answers_for,
    found_page,
    found_tickets,
    make_request,
    scope_of,
    scrape_site,
    sentence_page,
    small_site,
)


def test_every_student_is_archived_and_counted_in_the_report(
    archive: PageArchive,
) -> None:
    expected: list[int] = []
    with small_site(answers_for(STUDENTS)) as site:
        request = make_request(site)
        report = run_scrape(SETTINGS, request, archive, scope_of(SETTINGS),
            progress=lambda progress: expected.append(progress.expected),
        )  # fmt: skip
        assert is_complete(request, archive, scope_of(SETTINGS))
    assert found_tickets(archive) == STUDENTS
    assert report.found == len(STUDENTS)
    assert report.requests == len(site.requests) == report.found + report.not_found
    assert (report.failed, report.retries, report.complete) == (0, 0, True)
    assert report.bytes_received > 1000 * report.found
    assert expected[0] > 0


def test_exactly_the_named_tickets_are_requested(archive: PageArchive) -> None:
    named = ("160424733005", "999999999999")
    with small_site(answers_for(STUDENTS)) as site:
        report = scrape_site(site, archive, tickets=named)
    assert sorted(site.tickets) == sorted(named)
    assert (report.found, report.not_found, report.complete) == (1, 1, False)


def test_tickets_that_always_fail_do_not_count_as_an_outage(archive: PageArchive) -> None:
    bad = {f"160424733{serial:03d}" for serial in range(5, 25)}
    good = answers_for(STUDENTS)
    with small_site(lambda ticket: Sent(b"", 500) if ticket in bad else good(ticket)) as site:
        quick = SETTINGS.model_copy(update={"site_retries": 2})
        report = scrape_site(site, archive, settings=quick)
    assert report.failed_by_cause == {"http_500": len(bad)}
    assert report.gave_up is None
    assert found_tickets(archive) == STUDENTS - bad


def test_a_single_failing_ticket_is_given_up_without_waiting_for_an_outage(
    archive: PageArchive,
) -> None:
    with small_site(lambda _: Sent(b"", 500)) as site:
        quick = SETTINGS.model_copy(update={"site_retries": 2, "site_patience": 600.0})
        report = scrape_site(site, archive, settings=quick, tickets=("160424733001",))
    assert (report.failed_by_cause, report.gave_up) == ({"http_500": 1}, None)


@pytest.mark.parametrize("retries", [1, 2, 8])
def test_a_failing_ticket_gets_the_attempts_of_the_setting_and_three_more_at_the_end(
    archive: PageArchive, retries: int
) -> None:
    bad, good = "160424733007", answers_for(STUDENTS)
    with small_site(lambda ticket: Sent(b"", 500) if ticket == bad else good(ticket)) as site:
        settings = SETTINGS.model_copy(update={"site_retries": retries, "site_concurrency": 1})
        request = make_request(site)
        report = run_scrape(settings, request, archive, scope_of(settings), random=NoJitter())
    assert site.tickets.count(bad) == retries + 3
    # All other tickets were requested before the last three attempts.
    assert site.tickets[-4:].count(bad) == 3
    assert report.failed_by_cause == {"http_500": 1}
    archived = archive.answers(RELEASE)
    assert archived.filter(archived["hall_ticket"] == bad)["attempts"].to_list() == [retries + 3]


def test_an_unpublished_release_raises_a_one_line_error(archive: PageArchive) -> None:
    with (
        small_site(lambda _: Sent(b"", 404)) as site,
        pytest.raises(SiteError, match=f"Release {RELEASE}.*not.*published") as caught,
    ):
        scrape_site(site, archive)
    assert "\n" not in str(caught.value)
    assert archive.answers(RELEASE).is_empty()


def test_a_redirected_page_raises_an_error(archive: PageArchive) -> None:
    moved = Sent(b"", 301, {"Location": "https://results.invalid/"})
    with (
        small_site(lambda _: moved) as site,
        pytest.raises(SiteError, match="OUSPARK_SITE_URL"),
    ):
        scrape_site(site, archive)


def test_revaluation_without_known_tickets_is_reported(archive: PageArchive) -> None:
    with small_site(answers_for(STUDENTS)) as site:
        request = make_request(site)
        facts = replace(request.facts, repeaters_only=True)
        report = run_scrape(SETTINGS, replace(request, facts=facts), archive, scope_of(SETTINGS))
    assert report.requests == 0
    assert "the lake knows none yet" in (report.notice or "")


def test_the_rate_limit_of_the_settings_is_kept(archive: PageArchive) -> None:
    slow = SETTINGS.model_copy(update={"site_rate": 50.0})
    with small_site(answers_for(STUDENTS)) as site:
        scrape_site(site, archive, settings=slow, tickets=tuple(sorted(STUDENTS)))
    times = [moment for moment, _ in site.requests]
    assert len(times) == len(STUDENTS)
    assert times[-1] - times[0] >= (len(STUDENTS) - 50 / 4 - 2) / 50


def test_a_write_error_of_the_lake_ends_the_run(
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
        scrape_site(site, archive)


def by_turns(*answers: Answers) -> Answers:
    """Answer each ticket with the first answer, then with the second, and so on."""
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
def test_a_student_is_found_after_a_single_failure(archive: PageArchive, bad: Sent) -> None:
    with small_site(by_turns(lambda _: bad, answers_for(STUDENTS))) as site:
        report = scrape_site(site, archive, tickets=tuple(sorted(STUDENTS)))
    assert found_tickets(archive) == STUDENTS
    assert report.failed == 0
    assert report.retries >= len(STUDENTS)
