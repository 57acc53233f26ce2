"""The settings of the results site."""

import pytest

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings import load_settings
from ouspark_assets.sources.results_site.scrape_request import build_scope


def test_codes_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_SITE_EXTRA_COLLEGES", "1611, 1612,1611")
    monkeypatch.setenv("OUSPARK_SITE_EXTRA_BRANCHES", "751")
    monkeypatch.setenv("OUSPARK_SITE_ADMISSION_YEARS", "2019,2020")
    scope = build_scope(load_settings().site, ("1604", "1611"), ("733",))
    assert scope.colleges == ("1604", "1611", "1612")
    assert scope.branches == ("733", "751")
    assert scope.admission_years == (2019, 2020)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUSPARK_SITE_EXTRA_COLLEGES", "16040"),
        ("OUSPARK_SITE_EXTRA_BRANCHES", "73a"),
        ("OUSPARK_SITE_ADMISSION_YEARS", "21"),
        ("OUSPARK_SITE_RETRIES", "0"),
        ("OUSPARK_SITE_STOP_AFTER_MISSES", "1"),
        ("OUSPARK_SITE_READ_TIMEOUT", "-1"),
    ],
)
def test_the_error_for_an_impossible_value_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()
