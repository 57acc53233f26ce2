"""What `ouspark status` prints, and the sparklines and durations of the other commands."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from ouspark_assets.cli.history import sparkline
from ouspark_assets.cli.output import format_duration
from ouspark_assets.cli.status_view import show_status
from ouspark_assets.operations.status import (
    CacheState,
    PublicationState,
    ReleaseState,
    ServiceState,
    Status,
    summarize_last_run,
)
from ouspark_assets.warehouse.records.site_health import SiteHealth, UnfinishedScrape
from ouspark_assets.warehouse.records.stage_runs import StageRun

NOW = datetime.now(UTC)
RELEASE = "20250402"


def ago(hours: float) -> datetime:
    """Return the time half an hour more than `hours` ago, so that the test may take a while."""
    return NOW - timedelta(hours=hours + 0.5)


SITE = SiteHealth("site:80", "closed", ago(5), None, None, 32, 32, False, False, ago(3))
DOWN = replace(
    SITE, breaker="open", since=ago(14), trouble="timeout", troubled_at=ago(1),
    at_once=4,
)  # fmt: skip
SCRAPE = UnfinishedScrape(
    "r", RELEASE, "site:80", ago(2), 9900, 1234, 800, 2, 812.4, ago(1), alive=True
)
SCRAPING = StageRun(1, "r", "raw.result_pages", RELEASE, ago(2), None, "running", None)
COMPUTING = StageRun(2, "q", "analytics.backlogs", None, ago(9), None, "running", None)
STATUS = Status(
    last_run=None,
    running=(),
    scrapes=(),
    failed=(),
    failed_checks=(),
    releases=(),
    publication=PublicationState(3, ago(2), behind=False, held=None, problem=None),
    cache=CacheState("3-ab", 3, ago(2), behind=False, problem=None),
    quarantine_open=0,
    quarantine=(),
    sites=(SITE,),
    services=(),
)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> "Shown":
    return Shown(capsys)


MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"


class Shown:
    """Prints a status and returns one of its sections as a line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, status: Status, section: str) -> str:
        show_status(status)
        lines = self._capsys.readouterr().out.splitlines()
        begin = next(number for number, line in enumerate(lines) if line.startswith(section))
        rest = takewhile(lambda line: line.startswith(" "), lines[begin + 1 :])
        return " ".join(" ".join([lines[begin].removeprefix(section), *rest]).split())


def test_a_running_scrape_shows_its_progress(shown: Shown) -> None:
    status = replace(STATUS, running=(SCRAPING, COMPUTING), scrapes=(SCRAPE,))
    assert shown(status, "Running") == (
        f"scraping {RELEASE} for 2 h: 1,234 of about 9,900 requests, 800 found, 2 failed, 812/s "
        "(reported 1 h ago) analytics.backlogs for 9 h"
    )


def test_a_site_that_answers_is_shown_with_its_breaker_and_the_time_of_the_last_scrape(
    shown: Shown,
) -> None:
    text = shown(STATUS, "Site")
    assert re.sub(MOMENT, "…", text) == (
        "site:80 answers (circuit breaker closed since … (5 h ago)), as of 3 h ago"
    )


def test_a_site_that_is_down_is_shown_with_the_time_and_the_reason(shown: Shown) -> None:
    text = shown(replace(STATUS, sites=(replace(DOWN, scraping=True, alive=True),)), "Site")
    assert "site:80 is down (circuit breaker open since " in text
    assert (
        "(14 h ago)), at most 4 of 32 concurrent requests; last failure: timeout, 1 h ago" in text
    )


@pytest.mark.parametrize(
    ("scraping", "expected"),
    [(True, "when its scrape was killed 3 h ago"), (False, "as of 3 h ago")],
    ids=["killed", "ended"],
)
def test_a_site_that_was_down_in_its_last_scrape_is_not_shown_as_down_now(
    shown: Shown, scraping: bool, expected: str
) -> None:
    text = shown(replace(STATUS, sites=(replace(DOWN, scraping=scraping),)), "Site")
    assert "site:80 was down" in text
    assert expected in text


def test_the_site_of_the_settings_is_shown_and_no_other(shown: Shown) -> None:
    older = replace(DOWN, host="yesterday:80")
    assert shown(replace(STATUS, sites=(SITE, older)), "Site").startswith("site:80 answers")
    present = ServiceState("site_url", "configured", "http://me@yesterday:80/results")
    status = replace(STATUS, sites=(SITE, older), services=(present,))
    assert shown(status, "Site").startswith("yesterday:80 was down")
    new = replace(present, address="https://today.example.org/")
    status = replace(STATUS, sites=(SITE, older), services=(new,))
    assert shown(status, "Site") == "today.example.org has not been scraped yet"


def test_nothing_is_stale_when_the_selected_releases_production_and_cache_are_up_to_date(
    shown: Shown,
) -> None:
    assert shown(STATUS, "Stale") == "nothing: no release is known yet"
    release = ReleaseState(RELEASE, "", complete=True, loaded=True, unanswered=0)
    status = replace(STATUS, releases=(release,))
    releases = "nothing: the 1 release that `ouspark run` selects complete and loaded"
    assert shown(status, "Stale") == f"{releases}, production and cache up to date"
    unknown = replace(status, cache=CacheState(problem="stopped"))
    assert shown(unknown, "Stale") == releases


def test_sentences_instead_of_results_are_listed_with_their_counts(shown: Shown) -> None:
    first = ReleaseState("a", "A", complete=True, loaded=True, unanswered=0,
                         no_results={"Exam Fee Not Paid": 3, "Withheld": 1})  # fmt: skip
    second = replace(first, release="b", no_results={"Withheld": 9})
    assert shown(replace(STATUS, releases=(first, second)), "No result") == (
        "13 hall tickets got a sentence instead of a result 10 × Withheld (2 releases) "
        "3 × Exam Fee Not Paid (1 release)"
    )
    show_status(STATUS)
    with pytest.raises(StopIteration):
        shown(STATUS, "No result")


def test_unconfirmed_sentences_are_named_as_what_a_release_lacks(shown: Shown) -> None:
    release = ReleaseState("a", "A", complete=False, loaded=True, unanswered=9, unconfirmed=7)
    stale = shown(replace(STATUS, releases=(release,)), "Stale")
    assert "9 hall tickets without an answer, 7 of them with a sentence that may be" in stale


def test_killed_stages_and_failed_checks_are_listed_as_failed(shown: Shown) -> None:
    status = replace(
        STATUS,
        failed=(replace(COMPUTING, started=ago(3)),),
        failed_checks=("clean/marks: fits_its_model",),
        last_run=summarize_last_run([COMPUTING]),
    )
    assert "analytics.backlogs, " in shown(status, "Failed")
    assert "killed; the next run resumes it" in shown(status, "Failed")
    assert "check clean/marks: fits_its_model" in shown(status, "Failed")
    assert shown(status, "Last run").endswith("not finished, 1 stage: killed")


def test_publication_and_generation_are_shown_with_their_age(shown: Shown) -> None:
    assert re.sub(MOMENT, "…", shown(STATUS, "Publication")) == "3, … (2 h ago)"
    cache = re.sub(MOMENT, "…", shown(STATUS, "Cache"))
    assert cache == "generation 3-ab of publication 3, built … (2 h ago)"


def test_the_highest_value_of_a_sparkline_has_full_height() -> None:
    assert sparkline([0, 5, 10]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (2e5, "2 d")]
)
def test_durations_are_shown_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
