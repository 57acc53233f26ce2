"""The state of things as it looks in a terminal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from ouspark_assets.cli.history import bars
from ouspark_assets.cli.output import format_duration
from ouspark_assets.cli.status_view import show_status
from ouspark_assets.operations.status.runs import StageRun, last_run
from ouspark_assets.operations.status.state import CacheState, PublicationState, Status
from ouspark_assets.warehouse.records.site_health import ScrapeUnderWay, SiteHealth

NOW = datetime.now(UTC)
RELEASE = "20250402"


def ago(hours: float) -> datetime:
    """So many hours ago and half of one, so that it does not matter how long a test takes."""
    return NOW - timedelta(hours=hours + 0.5)


SITE = SiteHealth("site:80", "closed", ago(5), None, None, 32, 32, False, False, ago(3))
DOWN = replace(
    SITE, breaker="open", since=ago(14), trouble="timeout", troubled_at=ago(1),
    at_once=4,
)  # fmt: skip
SCRAPE = ScrapeUnderWay(
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


class Shown:
    """The lines of a part of the status."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, status: Status, part: str) -> str:
        show_status(status)
        lines = self._capsys.readouterr().out.splitlines()
        begin = next(number for number, line in enumerate(lines) if line.startswith(part))
        rest = takewhile(lambda line: line.startswith(" "), lines[begin + 1 :])
        return " ".join(" ".join([lines[begin].removeprefix(part), *rest]).split())


def test_a_scrape_under_way_shows_how_far_it_is(shown: Shown) -> None:
    status = replace(STATUS, running=(SCRAPING, COMPUTING), scrapes=(SCRAPE,))
    assert shown(status, "Running") == (
        f"scraping {RELEASE} for 2 h: 1,234 of about 9,900 requests, 800 found, 2 failed, 812/s "
        "(1 h ago) analytics.backlogs, for 9 h"
    )


def test_a_site_that_answers(shown: Shown) -> None:
    said = shown(STATUS, "Site")
    assert said.startswith("site:80 answers (breaker closed since ")
    assert said.endswith("as seen 3 h ago")


def test_a_site_that_is_down_now_says_since_when_and_why(shown: Shown) -> None:
    said = shown(replace(STATUS, sites=(replace(DOWN, scraping=True, alive=True),)), "Site")
    assert "site:80 is down (breaker open since " in said
    assert "(14 h ago)), 4 of 32 requests at once; last trouble: timeout, 1 h ago" in said


@pytest.mark.parametrize(
    ("scraping", "says"),
    [(True, "when its scrape was killed 3 h ago"), (False, "as seen 3 h ago")],
    ids=["killed", "ended"],
)
def test_a_site_that_was_down_when_it_was_left_is_not_said_to_be_down_now(
    shown: Shown, scraping: bool, says: str
) -> None:
    said = shown(replace(STATUS, sites=(replace(DOWN, scraping=scraping),)), "Site")
    assert "site:80 was down" in said
    assert says in said


def test_only_the_site_that_was_seen_last_is_shown(shown: Shown) -> None:
    older = replace(DOWN, host="yesterday:80")
    assert "yesterday" not in shown(replace(STATUS, sites=(SITE, older)), "Site")


def test_a_killed_stage_and_a_failed_check_are_failures(shown: Shown) -> None:
    status = replace(
        STATUS,
        failed=(replace(COMPUTING, started=ago(3)),),
        failed_checks=("clean/marks: fits_its_model",),
        last_run=last_run([COMPUTING]),
    )
    assert "analytics.backlogs, " in shown(status, "Failed")
    assert "killed; the next run goes on from there" in shown(status, "Failed")
    assert "check clean/marks: fits_its_model" in shown(status, "Failed")
    assert shown(status, "Last run").endswith("not ended, 1 stage: killed")


def test_readers_are_told_by_publication_and_generation_with_their_age(shown: Shown) -> None:
    assert shown(STATUS, "Publication").endswith("UTC (2 h ago)")
    assert shown(STATUS, "Cache").startswith("generation 3-ab of publication 3, built ")


def test_bars_show_the_highest_at_full_height() -> None:
    assert bars([0, 5, 10]) == "▁▅█"
    assert bars([0, 0]) == "▁▁"
    assert bars([]) == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (2e5, "2 d")]
)
def test_spans_in_the_largest_unit(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
