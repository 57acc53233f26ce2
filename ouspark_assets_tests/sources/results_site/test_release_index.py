"""The rows of the release index: parsing, merging, revaluation and selection."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.schemas.source import RELEASE_INDEX, ReleaseIndex
from ouspark_assets.sources.results_site.release_index import (
    find_releases_without_scheme,
    make_release_row,
    merge_index,
    parse_index,
    select_releases,
)

URL = "https://www.osmania.ac.in/examination-results.php"
SEEN = datetime(2026, 11, 20, tzinfo=UTC)


def row(href: str, title: str, day: str = "") -> str:
    return (
        f"<tr><td>1</td><td>{title}</td><td><a href='{href}'>Click here</a></td><td>{day}</td></tr>"
    )


def page(*rows: str) -> bytes:
    return f"<html><body><table>{''.join(rows)}</table></body></html>".encode("iso-8859-1")


def read(*rows: str, url: str = URL, at: datetime = SEEN) -> pl.DataFrame:
    return parse_index(page(*rows), url, seen_at=at).frame


MAIN = row("res07/20250402.jsp", "B.E. (CBCS) II, IV Sem (Main) July/Aug-2024", "22-04-2025")
RV = row("res07/20250718.jsp", "B.E. (CBCS) (RV) July/Aug-2024", "27-06-2025")


def test_a_row_of_the_page_becomes_a_release() -> None:
    frame = read(MAIN, RV)
    ReleaseIndex.validate(frame)
    first = frame.row(0, named=True)
    assert first["release"] == "20250402"
    assert first["title"] == "B.E. (CBCS) II, IV Sem (Main) July/Aug-2024"
    assert first["url"] == "https://www.osmania.ac.in/res07/20250402.jsp"
    assert first["published_on"] == date(2025, 4, 22)
    assert (first["semesters"], first["session_year"], first["session_month"]) == ([2, 4], 2024, 7)
    assert first["first_seen_at"] == SEEN


@pytest.mark.parametrize(
    "href",
    [
        "res07/2025becbcs.jsp",
        "/res07/2025becbcs.jsp",
        "https://www.osmania.ac.in/res07/2025becbcs.jsp",
        "http://osmania.ac.in/res07/2025becbcs.jsp",
        "//www.osmania.ac.in/res07/2025becbcs.jsp",
        " res07/2025becbcs.jsp?mbstatus&htno= ",
        "./res07/../res07/2025becbcs.jsp",
        "RES07/2025becbcs.JSP",
    ],
)
def test_every_form_of_a_link_gives_a_url_of_the_site(href: str) -> None:
    frame = read(row(href, "B.E. (CBCS) Aug-2025"))
    assert frame["release"].to_list() == ["2025becbcs"]
    assert frame["url"][0].startswith("https://www.osmania.ac.in/")
    assert frame["url"][0].lower().endswith("/res07/2025becbcs.jsp")


@pytest.mark.parametrize(
    "href",
    [
        "https://results.invalid/res07/20250402.jsp",
        "//results.invalid/res07/20250402.jsp",
        "https://www.osmania.ac.in:8443/res07/20250402.jsp",
        "https://www.osmania.ac.in.invalid/res07/20250402.jsp",
        "https://www.osmania.ac.in@results.invalid/res07/20250402.jsp",
        "ftp://results.invalid/res07/20250402.jsp",
    ],
)
def test_links_to_other_hosts_are_reported_and_left_out(href: str) -> None:
    reading = parse_index(page(row(href, "B.E. (CBCS) Aug-2025")), URL, seen_at=SEEN)
    assert reading.frame.is_empty()
    assert "another host" in reading.problems[0]


@pytest.mark.parametrize("stem", ["..%2f..%2fetc", "a b", "x" * 65, "", "résultats", "20250402;x"])
def test_an_invalid_release_key_is_left_out_and_reported(stem: str) -> None:
    reading = parse_index(page(row(f"res07/{stem}.jsp", "B.E. (CBCS) Aug-2025")), URL, seen_at=SEEN)
    assert reading.frame.is_empty()
    assert len(reading.problems) == 1


def test_other_courses_are_kept_and_other_links_ignored() -> None:
    frame = read(row("res07/20250355.jsp", "LLB II Sem Aug-2025"), row("news.php", "News"))
    assert frame.select("release", "course").rows() == [("20250355", None)]


def test_an_unreadable_title_is_kept_and_reported() -> None:
    reading = parse_index(page(row("res07/20250999.jsp", "Results")), URL, seen_at=SEEN)
    assert reading.frame["title"].to_list() == ["Results"]
    assert "20250999" in reading.problems[0]


def test_a_session_after_the_publication_is_dropped_and_reported() -> None:
    reading = parse_index(
        page(row("res07/20250402.jsp", "B.E. (CBCS) Aug-2062", "22-04-2025")), URL, seen_at=SEEN
    )
    assert reading.frame["session_year"].to_list() == [None]
    assert "before its session" in reading.problems[0]


def test_a_release_linked_twice_takes_its_readable_title() -> None:
    reading = parse_index(page(row("res07/20250402.jsp", "Results"), MAIN, MAIN), URL, seen_at=SEEN)
    assert reading.frame["session_year"].to_list() == [2024]
    assert any("twice" in problem for problem in reading.problems)


def test_links_in_lists_and_several_links_in_a_row_have_their_own_titles() -> None:
    body = (
        b"<ul><li><a href='res07/1.jsp'>B.E. (CBCS) Aug-2025</a> 22.04.2025</li></ul><table><tr>"
        b"<td>UG <a href='res07/2.jsp'>BCA Aug-2025</a>"
        b" <a href='res07/3.jsp'>B.E. (CBCS) Feb-2025</a></td></tr></table>"
    )
    frame = parse_index(body, URL, seen_at=SEEN).frame
    assert frame["title"].to_list() == [
        "B.E. (CBCS) Aug-2025",
        "BCA Aug-2025",
        "B.E. (CBCS) Feb-2025",
    ]
    assert frame["published_on"][0] == date(2025, 4, 22)


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_without_an_exception(body: bytes) -> None:
    parse_index(body, URL, seen_at=SEEN)
    parse_index(b"<a href='res07/1.jsp'>" + body, URL, seen_at=SEEN)


def test_the_text_of_the_link_may_be_the_title() -> None:
    body = page(
        "<tr><td>Under Graduate Examinations of the Faculty of Engineering</td>"
        "<td><a href='res07/1.jsp'>B.E. (CBCS) Aug-2025</a></td><td>22-04-2025</td></tr>"
    )
    frame = parse_index(body, URL, seen_at=SEEN).frame
    assert frame.select("title", "published_on").rows() == [
        ("B.E. (CBCS) Aug-2025", date(2025, 4, 22))
    ]


def test_a_revaluation_revises_the_one_main_release_of_its_session() -> None:
    assert dict(read(MAIN, RV).select("release", "revises").rows())["20250718"] == "20250402"


def test_an_ambiguous_revaluation_revises_nothing() -> None:
    other = row("res07/20250403.jsp", "B.E. (CBCS) VI Sem (Main) July/Aug-2024", "23-04-2025")
    assert dict(read(MAIN, other, RV).select("release", "revises").rows())["20250718"] is None
    assert dict(read(RV).select("release", "revises").rows())["20250718"] is None


def test_scheme_and_semesters_decide_between_main_releases_of_one_session() -> None:
    old = row("res07/20250403.jsp", "B.E. (Non-CBCS) July/Aug-2024", "23-04-2025")
    third = row("res07/20250404.jsp", "B.E. (CBCS) VI Sem July/Aug-2024", "24-04-2025")
    of_sixth = row("res07/20250719.jsp", "B.E. (CBCS) VI Sem (RV) July/Aug-2024", "28-06-2025")
    revises = dict(read(MAIN, old, third, of_sixth).select("release", "revises").rows())
    assert revises["20250719"] == "20250404"
    assert dict(read(MAIN, old, RV).select("release", "revises").rows())["20250718"] == "20250402"


def test_a_release_that_disappears_from_the_page_stays_known() -> None:
    later = SEEN + timedelta(days=1)
    undated = row("res07/20250718.jsp", "B.E. (CBCS) (RV) July/Aug-2024")
    merged = merge_index(read(MAIN, RV), read(undated, at=later))
    assert set(merged["release"]) == {"20250402", "20250718"}
    assert merged["first_seen_at"].to_list() == [SEEN, SEEN]
    kept = merged.filter(pl.col("release") == "20250718").row(0, named=True)
    assert (kept["revises"], kept["published_on"]) == ("20250402", date(2025, 6, 27))


def test_a_new_release_gets_the_time_of_reading_as_first_seen_at() -> None:
    later = SEEN + timedelta(days=1)
    merged = merge_index(read(MAIN), read(MAIN, RV, at=later))
    assert dict(merged.select("release", "first_seen_at").rows())["20250718"] == later
    assert merge_index(RELEASE_INDEX.empty(), read(MAIN)).height == 1


def test_a_release_can_be_added_by_hand() -> None:
    frame = make_release_row("20250402", "https://www.osmania.ac.in/", seen_at=SEEN)
    ReleaseIndex.validate(frame)
    assert frame["url"][0] == "https://www.osmania.ac.in/res07/20250402.jsp"
    with pytest.raises(UsageError, match="not a release key"):
        make_release_row("../etc", "https://www.osmania.ac.in", seen_at=SEEN)


def index_of_three_years() -> pl.DataFrame:
    return read(
        row("res07/1.jsp", "B.E. (AICTE) I Sem Feb-2024", "01-04-2024"),
        row("res07/2.jsp", "B.E. (CBCS) II Sem Aug-2025", "01-10-2025"),
        row("res07/3.jsp", "B.E. (CBCS) (RV) II Sem Aug-2025", "01-12-2025"),
        row("res07/4.jsp", "B.E. (Non-CBCS) II Sem Aug-2026", "01-10-2026"),
        row("res07/5.jsp", "B.E. I Sem Feb-2026", "01-04-2026"),
        row("res07/6.jsp", "MBA I Sem Feb-2026", "01-04-2026"),
    )


def test_by_default_the_incomplete_releases_of_the_last_year_are_selected() -> None:
    index = index_of_three_years()
    assert select_releases(index) == ["2", "3"]
    assert select_releases(index, complete=frozenset({"2"})) == ["3"]
    assert select_releases(index, since=2024) == ["1", "2", "3"]
    assert select_releases(index, since=2026) == []
    assert select_releases(RELEASE_INDEX.empty()) == []


def test_releases_without_a_scheme_are_selected_only_with_all() -> None:
    index = index_of_three_years()
    assert select_releases(index, all_=True) == ["1", "2", "3", "5"]
    assert find_releases_without_scheme(index) == ["5"]


def test_named_releases_are_always_selected() -> None:
    index = index_of_three_years()
    chosen = select_releases(index, releases=["6", "4", "1"], complete=frozenset({"1"}))
    assert chosen == ["1", "6", "4"]
    with pytest.raises(UsageError, match="Release 7 is not known"):
        select_releases(index, releases=["7"])
