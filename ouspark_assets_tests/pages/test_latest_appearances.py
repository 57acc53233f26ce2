"""The details of a student are those of the latest release that has a page of the student."""

from ouspark_assets.pages.appearances import select_latest_appearances
from ouspark_assets_tests.support.factories import appearances, releases

# The key of the older release is greater, so the order is that of the sessions.
OLD, NEW = "20259999", "20250101"
INDEX = releases(
    {"release": NEW, "session_year": 2025, "session_month": 8},
    {"release": OLD, "session_year": 2025, "session_month": 2},
)


def test_a_corrected_name_of_a_later_release_replaces_the_earlier_one() -> None:
    found = select_latest_appearances(
        appearances(
            {"release": NEW, "name": "ZEBA TESTWALA", "medium": "URDU"},
            {"release": OLD, "name": "ZEBBA TESTWALA", "medium": "ENGLISH"},
        ),
        INDEX,
    )
    columns = ["name", "medium", "last_release", "college_code", "serial"]
    assert found.select(columns).rows() == [("ZEBA TESTWALA", "URDU", NEW, "1604", 1)]


def test_a_page_of_a_release_that_is_not_in_the_index_is_never_the_latest() -> None:
    found = select_latest_appearances(
        appearances({"release": OLD, "name": "KNOWN"}, {"release": "zzz", "name": "UNKNOWN"}), INDEX
    )
    assert found.select("name", "last_release").rows() == [("KNOWN", OLD)]
