from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.domain.releases import in_release_order, is_release_key, require_release_key
from ouspark_assets_tests.support.factories import releases


def test_releases_are_ordered_by_session_then_kind_then_date_then_key() -> None:
    index = releases(
        {"release": "e", "session_year": 2025, "session_month": 2, "exam_kind": "revaluation"},
        {
            "release": "d",
            "session_year": 2025,
            "session_month": 2,
            "published_on": date(2025, 5, 1),
        },
        {
            "release": "c",
            "session_year": 2025,
            "session_month": 2,
            "published_on": date(2025, 4, 1),
        },
        {"release": "f", "session_year": 2025, "session_month": 8},
        {"release": "b", "session_year": 2024, "session_month": 12},
        {"release": "a", "session_year": None, "session_month": None},
    )
    assert in_release_order(index)["release"].to_list() == ["a", "b", "c", "d", "e", "f"]


def test_releases_of_one_session_without_dates_are_ordered_by_key() -> None:
    index = releases({"release": "2"}, {"release": "1"})
    assert in_release_order(index)["release"].to_list() == ["1", "2"]


@pytest.mark.parametrize("key", ["20250402", "2025becbcs", "a-b_c", "x" * 64])
def test_valid_release_keys_are_accepted(key: str) -> None:
    assert require_release_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 65, "../up", "a/b", "a.b", "a b", "a\n", "é", "a,b"])
def test_keys_that_are_unsafe_as_a_folder_name_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match="not a release key"):
        require_release_key(key)


@given(st.text(max_size=70))
def test_every_valid_key_has_only_ascii_letters_digits_hyphens_and_underscores(text: str) -> None:
    if is_release_key(text):
        assert text.isascii()
        assert text.replace("-", "").replace("_", "").isalnum() or set(text) <= {"-", "_"}
