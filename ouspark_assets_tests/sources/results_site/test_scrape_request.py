"""When a release is rechecked."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_request import (
    ScrapeRequest,
    explain_skipped_recheck,
    is_recheckable,
)

FACTS = ReleaseFacts("20250402", "http://127.0.0.1/res07/20250402.jsp")
TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize(("days", "young"), [(0, True), (90, True), (91, False)])
def test_a_release_is_rechecked_within_ninety_days(days: int, young: bool) -> None:
    published = replace(FACTS, published_on=TODAY - timedelta(days=days))
    assert is_recheckable(published, TODAY) is young


def test_a_recheck_of_an_old_release_is_explained() -> None:
    old = replace(FACTS, published_on=date(2020, 1, 1))
    assert "2020-01-01" in str(explain_skipped_recheck(ScrapeRequest(old, recheck=True)))
    assert explain_skipped_recheck(ScrapeRequest(old)) is None
    assert (
        explain_skipped_recheck(ScrapeRequest(replace(FACTS, published_on=TODAY), recheck=True))
        is None
    )
