"""The index of releases: titles, dates, links, order, and the releases of other courses."""

import re
from datetime import datetime
from itertools import pairwise

import httpx
import polars as pl
import pytest
from lxml import html

from ouspark_assets.standin.process import RunningStandin
from ouspark_assets.standin.release_calendar import Kind, first_releases

INDEX = "/examination-results.php"
RELEASES = first_releases(40)


@pytest.fixture
def rows(client: httpx.Client) -> list[html.HtmlElement]:
    tree = html.fromstring(client.get(INDEX).content.decode("utf-8"))
    return [row for row in tree.xpath("//table//tr") if row.xpath(".//a[contains(@href,'res07')]")]


def title(row: html.HtmlElement) -> str:
    return str(row.xpath("./td[1]")[0].text_content())


def link(row: html.HtmlElement) -> str:
    return str(row.xpath(".//a/@href")[0])


def test_every_release_is_listed_once_with_its_title_and_date(
    rows: list[html.HtmlElement], truth: dict[str, pl.DataFrame]
) -> None:
    listed = {(title(row), row.xpath("./td[2]")[0].text_content()): link(row) for row in rows}
    assert len(listed) == len(rows)
    for release in truth["releases"].iter_rows(named=True):
        address = listed[release["title"], release["published_on"].strftime("%d-%m-%Y")]
        assert address.endswith(f"res07/{release['release']}.jsp")


def test_the_newest_release_is_first(rows: list[html.HtmlElement]) -> None:
    days = [datetime.strptime(row.xpath("./td[2]")[0].text_content(), "%d-%m-%Y") for row in rows]  # noqa: DTZ007
    assert all(newer >= older for newer, older in pairwise(days))
    assert len(days) > 100


def test_links_are_relative_or_name_the_requested_host(
    rows: list[html.HtmlElement], site: RunningStandin
) -> None:
    links = [link(row) for row in rows]
    starts = {"res07/", "/res07/", f"{site.url}/res07/", "http://results.invalid/res07/"}
    assert {re.sub(r"res07/.*", "res07/", each) for each in links} == starts


def test_absolute_links_follow_the_host_header_unless_it_is_malformed(client: httpx.Client) -> None:
    page = client.get(INDEX, headers={"Host": "localhost:8007"}).text
    assert "http://localhost:8007/res07/" in page
    hostile = client.get(INDEX, headers={"Host": '"><script>'}).text
    assert "<script>" not in hostile


def test_links_to_this_site_work(client: httpx.Client, rows: list[html.HtmlElement]) -> None:
    for row in rows[::7]:
        path = "/res07/" + link(row).split("res07/")[1]
        if "results.invalid" not in link(row):
            assert client.get(path).status_code == 200


def test_other_courses_and_old_batches_are_listed_too(rows: list[html.HtmlElement]) -> None:
    titles = " ".join(title(row) for row in rows)
    for course in ("M.C.A.", "LL.B.", "B.C.A.", "B.Sc.", "M.B.A.", "B.E. (Non-CBCS) (RV)"):
        assert course in titles


def test_an_unchanged_index_is_answered_with_304(client: httpx.Client) -> None:
    first = client.get(INDEX)
    again = client.get(INDEX, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(INDEX, headers={"If-None-Match": '"old"'}).content == first.content


def test_titles_use_all_wordings_of_the_university() -> None:
    titles = [release.title for release in RELEASES]
    for form in (
        r"B\.E\. \(AICTE\) [IV, ]+ sem\. \(Main & Backlogs\); [IV, ]+ sem\. \(Backlogs\) "
        r"And Make-up \w+(/\w+)? 20\d\d Examination Results\.",
        r"BE\(CBCS\) \( [1-8,]+\) Sem Main & Backlogs \w+(/\w+)?-20\d\d Results",
        r"BE AICTE \(Regular & supply\) CBCS \(Backlog\) Sep/Oct 20\d\d examination results",
        r"B\.E\. \(CBCS\) \(RV\) \w+(/\w+)?-20\d\d",
        r"B\.E\. I–VI+ Sem \w+(/\w+)?-20\d\d \(RV\) CBCS Results",
        r"\[RV\]",
        r"Revaluation",
    ):
        assert [each for each in titles if re.search(form, each)], form
    assert {release.scheme for release in RELEASES} == {"CBCS", "AICTE"}


def test_keys_are_unique_and_consist_of_a_year_with_a_number_or_a_word() -> None:
    keys = [release.key for release in RELEASES]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"20\d{6}|20\d\dbecbcs|becbcsaug\d\d", key) for key in keys)
    assert {"20250402", "2025becbcs", "becbcsaug24"} <= set(keys)


def test_releases_come_in_the_order_of_their_sessions() -> None:
    def order(place: int) -> tuple[int, int, bool]:
        release = RELEASES[place]
        return release.year, release.months[0], release.kind is Kind.REVALUATION

    assert [order(place) for place in range(len(RELEASES))] == sorted(
        map(order, range(len(RELEASES)))
    )
    assert all(older.published_on < newer.published_on for older, newer in pairwise(RELEASES))


def test_the_default_releases_fall_into_two_years_and_have_a_main_one_named_20250402() -> None:
    default = first_releases(6)
    assert {release.year for release in default} == {2024, 2025}
    assert [release.kind for release in default if release.key == "20250402"] == [Kind.MAIN]
    assert {release.kind for release in default} == set(Kind)
