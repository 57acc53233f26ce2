"""Requests for a hall ticket: accepted forms, sentences instead of a result, and 404."""

import httpx
import polars as pl
import pytest
from lxml import html

from ouspark_assets.standin.release_calendar import first_releases
from ouspark_assets_tests.standin.scraper import RELEASES

MAIN, REVALUATION = "20250402", "20250611"
QUERIES = (
    "?mbstatus=SEARCH&htno={ticket}",
    "?mbstatus&htno={ticket}",
    "?mbstatus=&htno={ticket}",
    "?mbstatus=SEARCH&htno={ticket}&Submit.x=21&Submit.y=8",
    "?htno={ticket}&mbstatus=anything",
)


@pytest.fixture
def ticket(truth: dict[str, pl.DataFrame]) -> str:
    rows = truth["attempts"].filter(pl.col("release") == MAIN)
    return str(rows["hall_ticket"][0])


def bold_texts(page: bytes) -> list[str]:
    return [each.text_content() for each in html.fromstring(page.decode("cp1252")).xpath("//b")]


@pytest.mark.parametrize("query", QUERIES)
def test_every_form_of_query_gets_the_page_of_the_posted_form(
    client: httpx.Client, ticket: str, query: str
) -> None:
    form = {"mbstatus": "SEARCH", "htno": ticket}
    posted = client.post(f"/res07/{MAIN}.jsp", data=form)
    asked = client.get(f"/res07/{MAIN}.jsp{query.format(ticket=ticket)}")
    assert ticket.encode() in posted.content
    assert asked.content == posted.content


def test_the_coordinates_of_the_click_change_nothing(client: httpx.Client, ticket: str) -> None:
    form = {"mbstatus": "SEARCH", "htno": ticket}
    clicked = {**form, "Submit.x": "12", "Submit.y": "0"}
    assert (
        client.post(f"/res07/{MAIN}.jsp", data=clicked).content
        == client.post(f"/res07/{MAIN}.jsp", data=form).content
    )


@pytest.mark.parametrize("query", ["", "?mbstatus=SEARCH", "?mbstatus=SEARCH&htno="])
def test_without_a_ticket_only_the_search_box_is_shown(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/res07/{MAIN}.jsp{query}")
    assert answer.status_code == 200
    assert b'id="AutoNumber1"' in answer.content
    assert b'id="AutoNumber6"' in answer.content
    assert b"The Hall Ticket Number" not in answer.content
    assert b'id="AutoNumber2"' not in answer.content


def test_without_the_hidden_field_of_the_form_only_the_search_box_is_shown(
    client: httpx.Client, ticket: str
) -> None:
    empty = client.get(f"/res07/{MAIN}.jsp").content
    assert client.get(f"/res07/{MAIN}.jsp?htno={ticket}").content == empty
    assert client.post(f"/res07/{MAIN}.jsp", data={"htno": ticket}).content == empty


@pytest.mark.parametrize(
    "asked", ["160423733000", "16042373300", "1604237330011", "abc", "000000000000"]
)
def test_an_unknown_ticket_is_not_found_in_the_second_bold_text(
    client: httpx.Client, asked: str
) -> None:
    page = client.get(f"/res07/{MAIN}.jsp", params={"mbstatus": "SEARCH", "htno": asked}).content
    assert bold_texts(page)[1] == f'   The Hall Ticket Number "{asked}" Is Not Found.'
    assert b'id="AutoNumber6"' in page
    assert not [number for number in range(2, 6) if b'id="AutoNumber%d"' % number in page]


def test_the_echoed_ticket_is_escaped(client: httpx.Client) -> None:
    page = client.get(f"/res07/{MAIN}.jsp", params={"mbstatus": "", "htno": "<script>é€"}).text
    assert "<script>é" not in page
    assert "&lt;script&gt;" in page


def test_the_revaluation_page_says_no_change_for_students_without_a_changed_grade(
    client: httpx.Client, truth: dict[str, pl.DataFrame]
) -> None:
    attempts = truth["attempts"]
    sat = set(attempts.filter(pl.col("release") == MAIN)["hall_ticket"])
    changed = set(attempts.filter(pl.col("release") == REVALUATION)["hall_ticket"])
    assert changed
    for ticket in sorted(sat - changed)[:20]:
        page = client.get(f"/res07/{REVALUATION}.jsp?mbstatus&htno={ticket}").content
        assert bold_texts(page)[1] == f'   The Hall Ticket Number "{ticket}" Is No CHANGE.'
    for ticket in sorted(changed)[:20]:
        page = client.get(f"/res07/{REVALUATION}.jsp?mbstatus&htno={ticket}").content
        assert b'id="AutoNumber4"' in page
    stranger = client.get(f"/res07/{REVALUATION}.jsp?mbstatus&htno=160423733000").content
    assert b"Is Not Found." in stranger


@pytest.mark.parametrize(
    "path",
    [
        f"/res07/{first_releases(RELEASES + 1)[-1].key}.jsp",
        "/res07/20259998.jsp",
        f"/res07/{MAIN}.html",
        f"/res07/{MAIN}",
        "/res07/",
        "/nowhere",
    ],
)
def test_an_unpublished_page_is_404(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_our_students_are_not_found_on_the_pages_of_other_courses(
    client: httpx.Client, ticket: str
) -> None:
    other = client.get(f"/res07/20220132.jsp?mbstatus&htno={ticket}")
    assert other.status_code == 200
    assert f'The Hall Ticket Number "{ticket}" Is Not Found.' in other.text
