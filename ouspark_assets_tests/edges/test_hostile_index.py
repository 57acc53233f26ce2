"""Hostile index pages: links and titles that are valid are read in time, others are reported."""

from datetime import UTC, datetime

import pytest

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.sources.results_site.release_index import (
    MAX_LINKS,
    MAX_PROBLEMS,
    ParsedIndex,
    make_release_row,
    parse_index,
    require_links,
)
from ouspark_assets.sources.results_site.release_titles import MAX_TITLE_LENGTH
from ouspark_assets.sources.results_site.site_index import MAX_SHOWN_LENGTH
from ouspark_assets_tests.edges.limits import time_limit

URL = "https://results.invalid/examination-results.php"
SEEN = datetime(2025, 4, 2, tzinfo=UTC)
TITLE = "B.E. (CBCS) II Sem Aug-2025"


def reading(body: str | bytes) -> ParsedIndex:
    with time_limit():
        return parse_index(body.encode() if isinstance(body, str) else body, URL, seen_at=SEEN)


def links(number: int, title: str = TITLE) -> list[str]:
    return [f"<a href='/res07/{key}.jsp'>{title}</a>" for key in range(number)]


def titled(title: str) -> ParsedIndex:
    return reading(f"<a href='/res07/1.jsp'>{title}</a>")


@pytest.mark.parametrize(
    "body",
    [
        "".join(links(10 * MAX_LINKS)),
        f"<table><tr><td>{'<td>'.join(links(MAX_LINKS + 1))}</table>",
        "<ul><li>" + "".join(links(MAX_LINKS + 1)),
    ],
    ids=["anywhere", "in one row", "in one item"],
)
def test_a_page_with_too_many_links_is_refused(body: str) -> None:
    with pytest.raises(SiteError, match=r"more than 3000 result links.*OUSPARK_SITE_URL"):
        reading(body)


@pytest.mark.parametrize(
    "body",
    [
        f"<table><tr><td>{'<td>'.join(links(MAX_LINKS))}</table>",
        "<table>" + "".join(f"<tr><td>{link}" for link in links(MAX_LINKS)),
        "<table><tr>" + "".join(f"<td>{link}<table><tr>" for link in links(MAX_LINKS)),
    ],
    ids=["in one row", "in rows", "nested"],
)
def test_the_maximum_number_of_links_is_read_in_time(body: str) -> None:
    assert reading(body).frame.height >= 1


def test_links_with_line_breaks_in_one_row_do_not_read_every_cell_once_per_link() -> None:
    cells = "<td>" + "I " * 200
    broken = "".join(f"<a href='/re\ns07/{key}.jsp'>{TITLE}</a>" for key in range(500))
    found = reading(f"<table><tr>{cells * 2000}<td>{broken}</table>").frame
    assert found["title"].unique().to_list() == [TITLE]
    assert found.height == 500


def test_a_row_of_thousands_of_cells_is_read_in_time() -> None:
    cells = "<td>" + "1 " * 240
    assert reading(f"<table><tr><td>{links(1)[0]}{cells * 10_000}</table>").frame.height == 1


def test_a_session_of_thousands_of_releases_is_read_in_time() -> None:
    half = MAX_LINKS // 2
    rows = [*links(half), *links(MAX_LINKS, f"{TITLE} Revaluation")[half:]]
    assert reading("".join(rows)).frame["revises"].null_count() == MAX_LINKS


@pytest.mark.parametrize(
    "href",
    [
        "http://evil{}.invalid/res07/1.jsp",
        "/res07/{}!.jsp",
        "javascript:/{}/res07/1.jsp",
        "/res07/" + "x" * 5000 + "{}.jsp",
        "/res07/\x1b[2J\u202e{}.jsp",
    ],
    ids=["other hosts", "bad keys", "scripts", "endless keys", "unprintable keys"],
)
def test_reported_problems_are_distinct_and_bounded(href: str) -> None:
    found = reading("".join(f"<a href='{href.format(number)}'>B.E.</a>" for number in range(2000)))
    assert found.frame.is_empty()
    assert 1 <= len(found.problems) <= MAX_PROBLEMS + 1
    assert all(problem.isprintable() for problem in found.problems)
    assert max(map(len, found.problems)) < MAX_SHOWN_LENGTH + 100


@pytest.mark.parametrize(
    "href",
    [
        "javascript:/res07/1.jsp",
        "file:///res07/1.jsp",
        "data:text/html,/res07/1.jsp",
        "//results.invalid.evil/res07/1.jsp",
        "https://results.invalid@evil/res07/1.jsp",
        "https://results.invalid:99999/res07/1.jsp",
        "https://[/res07/1.jsp",
        "\\\\evil\\res07\\1.jsp",
        "/res07/..%2f..%2f1.jsp",
        "/res07/../../1.jsp",
        "/res07/.jsp",
        "/res07/" + "1" * 65 + ".jsp",
    ],
)
def test_links_that_are_not_releases_of_this_site_are_left_out(href: str) -> None:
    assert reading(f"<a href='{href}'>{TITLE}</a>").frame.is_empty()


@pytest.mark.parametrize(
    "title",
    [
        "B.E. I" + " ," * 60 + " x",
        "B.E. I" + " - " * 60 + "x",
        "B.E. I" + " to" * 60 + " x",
        "1 " * 20_000,
        "jan/" * 50_000,
        "may " * 50_000,
        "sem " * 50_000,
        "B.E. I" + "-" * 50_000,
        "B.E. " + "I)-.] " * 20_000,
        "B.E. " + "( " * 100_000,
        "B.E. " + "3/4 (-," * 30_000,
        "B.E. I II Aug-2025 " * 50_000,
        "a" + "\u0301\u0323" * 200_000,
        "\ufdfa" * 200_000,
    ],
    ids=lambda title: f"{title[:10]!r} x {len(title)}",
)
def test_any_title_is_read_in_time(title: str) -> None:
    (found,) = titled(title).frame["title"]
    assert len(found) <= MAX_TITLE_LENGTH
    with time_limit():
        added = make_release_row("1", "https://results.invalid", seen_at=SEEN, title=title)
    assert len(added["title"][0]) <= MAX_TITLE_LENGTH


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("B.E. '; DROP TABLE x; --", "B.E. '; DROP TABLE x; --"),
        ("B.E. %s {0} ${x} [/b] :smile:", "B.E. %s {0} ${x} [/b] :smile:"),
        ("B.E. &lt;script&gt;", "B.E. <script>"),
        ("B.E. 😀 ë", "B.E. 😀 ë"),
        ("B.E. \x1b[2J", "B.E. \ufffd[2J"),
        ("B.E. &#x202e;gnp.exe", "B.E. \ufffdgnp.exe"),
        ("B.E.\x00 x", "B.E. x"),
        ("B.E. &#xd800;&#0;x", "B.E. \ufffd\ufffdx"),
        ("=1+1", "=1+1"),
    ],
)
def test_printable_titles_are_kept_as_they_are(title: str, kept: str) -> None:
    assert titled(title).frame["title"].to_list() == [kept]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" " * 1_000_000,
        b"\0" * 1_000_000,
        b"<" * 5_000_000,
        b"<a>" * 500_000,
        b"<div>" * 1_000_000,
        b"<table><tr><td>" * 100_000,
        b"<a href='/res07/" + b"x" * 5_000_000 + b".jsp'>B.E.</a>",
        b"<a title='" + b"x" * 5_000_000 + b"'>B.E.</a>",
        b"&amp;" * 1_000_000,
        b"\xff\xfe<\0a\0>\0",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><x>&b;</x>",
        b"%PDF-1.7",
        b'{"error": "not found"}',
    ],
    ids=range(14),
)
def test_a_page_that_is_not_an_index_is_refused_with_a_one_line_error(body: bytes) -> None:
    with pytest.raises(SiteError, match=r"has no link to a results page. Check that OUSPARK_SITE"):
        require_links(reading(body), URL)
