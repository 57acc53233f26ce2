"""A student's page: structure, ids, labels, values, and the differences between releases."""

import re

import httpx
import polars as pl
import pytest
from lxml import html

from ouspark_assets.standin.page_templates import STYLES, choose_style
from ouspark_assets.standin.release_calendar import first_releases
from ouspark_assets.standin.result_pages import ReleasePages
from ouspark_assets.standin.world import World
from ouspark_assets_tests.standin.scraper import RELEASES, Scraped, scrape, text_of

KEYS = [release.key for release in first_releases(RELEASES)]
FIVE = ["Sub Code", "Subject Name", "Credits", "Grade Points", "Grade Secured"]
FOUR = [heading for heading in FIVE if heading != "Grade Points"]
RESULT = re.compile(
    r"(PASSED|PROMOTED|COMPLETED)-(10|\d(\.\d|\.\d[1-9])?)|(ALREADY )?PROMOTED--|DETAINED"
)
SPELLINGS = {"FAIL": "F", "AB": "Ab", "F AB": "Ab"}


def tickets_with_page(truth: dict[str, pl.DataFrame], key: str) -> list[str]:
    rows = truth["attempts"].filter(pl.col("release") == key)
    return rows["hall_ticket"].unique(maintain_order=True).to_list()


def fetch_page(client: httpx.Client, key: str, ticket: str) -> bytes:
    answer = client.post(f"/res07/{key}.jsp", data={"mbstatus": "SEARCH", "htno": ticket})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html;charset=ISO-8859-1"
    return answer.content


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(client: httpx.Client, truth: dict[str, pl.DataFrame], key: str) -> bytes:
    return fetch_page(client, key, tickets_with_page(truth, key)[0])


@pytest.fixture
def scraped(page: bytes) -> Scraped:
    read = scrape(page)
    assert read is not None
    return read


@pytest.mark.parametrize("number", range(1, 7))
def test_every_table_has_its_id(page: bytes, number: int) -> None:
    tree = html.fromstring(page)
    assert len(tree.xpath(f'//table[@id="AutoNumber{number}"]')) == 1


def test_the_tables_are_in_order_and_the_search_box_is_last(page: bytes) -> None:
    places = [page.index(b'id="AutoNumber%d"' % number) for number in range(1, 7)]
    assert places == sorted(places)
    assert page.rindex(b"<table") < places[-1]
    assert b"Enter  Hall Ticket No. :" in page[places[-1] :]
    assert page.rstrip().endswith(b"</html>")


def test_the_title_is_first_and_followed_by_the_date_of_publication(
    page: bytes, truth: dict[str, pl.DataFrame], key: str
) -> None:
    tree = html.fromstring(page.decode("cp1252"))
    release = truth["releases"].row(by_predicate=pl.col("release") == key, named=True)
    first, second = tree.xpath('//table[@id="AutoNumber1"]/tr')[:2]
    assert first.xpath("./td/p[@align='center']/font/b/text()") == [release["title"]]
    assert second.xpath("./td/p[@align='right']/font[@size='1']/text()") == [
        release["published_on"].strftime("%d-%b-%Y")
    ]
    assert tree.xpath("//title/text()")[0] in (
        "Osmania University Results - 2006",
        "Osmania University Results - 2026",
    )


def test_the_form_has_the_fields_that_scrapers_fill_in(page: bytes) -> None:
    (form,) = html.fromstring(page).xpath("//form")
    assert (form.get("name"), form.get("method"), form.get("action")) == (
        "FrontPage_Form1", "post", "",
    )  # fmt: skip
    inputs = {each.get("name"): each for each in form.xpath(".//input[@name]")}
    assert inputs["mbstatus"].get("type") == "hidden"
    assert inputs["mbstatus"].get("value") == "SEARCH"
    assert (inputs["htno"].get("maxlength"), inputs["htno"].get("size")) == ("12", "15")
    assert inputs["Submit"].get("type") == "image"
    assert inputs["Submit"].get("src") == "gobut.gif"
    assert inputs["Submit"].get("value") == "Go"


def test_the_example_tickets_in_the_red_line_belong_to_no_student(
    page: bytes, world: World
) -> None:
    box = page[page.index(b'id="AutoNumber6"') :]
    assert b'color="#FF0000">Please Enter  12 Digit Hall Ticket Number Ex: ' in box
    examples = re.findall(rb"\d{12}", box)
    assert examples
    assert not {example.decode() for example in examples} & set(world.students)


def test_personal_details_have_a_title_and_three_rows_of_label_and_value(page: bytes) -> None:
    rows = html.fromstring(page).xpath('//table[@id="AutoNumber3"]/tr')[:4]
    assert [cell.get("colspan") for cell in rows[0].xpath("./td")] == ["4"]
    labels = [[text_of(cell) for cell in row.xpath("./td")[::2]] for row in rows[1:]]
    assert labels == [
        ["Hall Ticket No.", "Gender"],
        ["Name", "Father's Name"],
        ["Course", "Medium"],
    ]
    for row in rows[1:]:
        cells = row.xpath("./td")
        assert [cell.get("width") for cell in cells] == ["17%", "33%", "16%", "34%"]
        assert not [cell for cell in cells[::2] if cell.xpath(".//b")]
        for value in cells[1::2]:
            assert value.xpath("./b/font/text()")[0].startswith("\xa0")
    assert rows[1].xpath('./td[2]/b/font[@color="#FF0000"]')


def test_personal_details_equal_the_truth(
    client: httpx.Client, truth: dict[str, pl.DataFrame], key: str
) -> None:
    students = truth["students"].rows_by_key("hall_ticket", named=True, unique=True)
    for ticket in tickets_with_page(truth, key)[:40]:
        read = scrape(fetch_page(client, key, ticket))
        assert read is not None
        student = students[ticket]
        assert read.details["Hall Ticket No."] == ticket
        assert read.details["Name"] == " ".join(student["name"].split())
        assert read.details["Father's Name"] == " ".join(student["father_name"].split())
        assert read.details["Gender"] == student["gender"]
        assert read.details["Medium"] == student["medium"]
        assert read.details["Course"] in ("BE(CBCS)", "BE(AICTE)")


def test_the_marks_table_has_four_or_five_columns_under_a_title_that_spans_five(
    page: bytes, scraped: Scraped, key: str
) -> None:
    five = choose_style(KEYS.index(key)).has_points_column
    assert scraped.headings == (FIVE if five else FOUR)
    assert {len(row) for row in scraped.marks} == {5 if five else 4}
    rows = html.fromstring(page).xpath('//table[@id="AutoNumber4"]/tr')
    assert [cell.get("colspan") for cell in rows[0].xpath("./td")] == ["5"]
    assert not rows[1].xpath(".//b")
    assert b'width="10%%"' in page


def test_the_result_table_has_a_title_and_bold_headings(page: bytes, key: str) -> None:
    rows = html.fromstring(page).xpath('//table[@id="AutoNumber5"]/tr')
    assert [cell.get("colspan") for cell in rows[0].xpath("./td")] == ["3"]
    heading = choose_style(KEYS.index(key)).result_heading
    assert rows[1].xpath("./td/b/font/text()") == ["Semester", heading, "Over all CGPA"]


def test_the_notice_and_the_print_button_are_below_the_result(page: bytes) -> None:
    below = page[page.index(b'id="AutoNumber5"') : page.index(b'id="AutoNumber6"')]
    assert (
        b"This information is provided to the candidate on his/her online request and is only a "
        b"prototype list." in below
    )
    assert b'value="Print Page"' in below
    assert b"0 &nbsp;" in below


def test_marks_rows_equal_the_truth(
    client: httpx.Client, truth: dict[str, pl.DataFrame], key: str
) -> None:
    attempts = truth["attempts"].filter(pl.col("release") == key)
    for ticket in tickets_with_page(truth, key)[:40]:
        read = scrape(fetch_page(client, key, ticket))
        assert read is not None
        known = attempts.filter(pl.col("hall_ticket") == ticket)
        printed = {
            (code, name, 0.0 if worth == "=" else float(worth), SPELLINGS.get(grade, grade))
            for code, name, worth, grade in zip(
                *(read.column(heading) for heading in FOUR), strict=True
            )
        }
        assert printed == set(
            known.select("subject_code", "subject_name", "credits", "grade").iter_rows()
        )


def test_result_rows_equal_the_truth_with_the_oldest_semester_first(
    client: httpx.Client, truth: dict[str, pl.DataFrame], key: str
) -> None:
    results = truth["results"].filter(pl.col("release") == key)
    for ticket in tickets_with_page(truth, key)[:40]:
        read = scrape(fetch_page(client, key, ticket))
        assert read is not None
        known = results.filter(pl.col("hall_ticket") == ticket).rows(named=True)
        assert [int(row[0]) for row in read.results] == [row["semester"] for row in known]
        assert [int(row[0]) for row in read.results] == sorted(int(row[0]) for row in read.results)
        for (_, result, cgpa), row in zip(read.results, known, strict=True):
            assert RESULT.fullmatch(result)
            status, dash, sgpa = result.partition("-")
            assert status == row["status"]
            assert (float(sgpa) if dash and sgpa != "-" else None) == row["sgpa"]
            assert cgpa == "-"
            assert row["cgpa"] is None


def render_pages(world: World, style: int) -> list[bytes]:
    """Return all pages of the first release with a style."""
    pages = ReleasePages(world, world.published[style])
    return [
        pages.render_student(ticket, cohort, row)
        for ticket, (cohort, row) in world.students.items()
        if cohort < len(pages.published.cohort_rows)
        and pages.published.cohort_rows[cohort].has_page(row)
    ]


def test_an_unclosed_table_contains_the_marks_table(world: World) -> None:
    unclosed = [place for place, style in enumerate(STYLES) if style.has_unclosed_table]
    for style in unclosed:
        tree = html.fromstring(render_pages(world, style)[0])
        (inner,) = tree.xpath('//table[@id="AutoNumber3"]//table[@id="AutoNumber4"]')
        assert "Subject Name" in inner.text_content()
    assert unclosed


def test_blank_rows_follow_the_results_in_some_releases(world: World) -> None:
    for place, style in enumerate(STYLES):
        tree = html.fromstring(render_pages(world, place)[0])
        first_cells = [text_of(each) for each in tree.xpath('//table[@id="AutoNumber5"]/tr/td[1]')]
        assert first_cells.count("") == style.blank_result_rows
        assert all(not each for each in first_cells[len(first_cells) - style.blank_result_rows :])


def test_some_releases_print_letters_instead_of_points(world: World) -> None:
    for place, style in enumerate(STYLES):
        if not style.has_points_column:
            continue
        read = scrape(render_pages(world, place)[0])
        assert read is not None
        points, grades = read.column("Grade Points"), read.column("Grade Secured")
        assert (points == grades) is style.has_letters_for_points


def marks_lines(page: bytes) -> list[bytes]:
    return [line for line in page.split(b"\n") if line.startswith(b'<tr><td align="center"><b>')]


def test_some_releases_print_rows_twice(world: World) -> None:
    for place, style in enumerate(STYLES):
        repeats = 0
        for page in render_pages(world, place):
            lines = marks_lines(page)
            codes = {line.split(b"&nbsp;")[1] for line in lines}
            assert len(codes) == len(set(lines))
            repeats += len(lines) - len(codes)
        assert (repeats > 0) is style.repeats_rows


def test_absent_and_failed_have_several_spellings(world: World) -> None:
    spellings = {
        line.rsplit(b"&nbsp;", 1)[1].partition(b"<")[0].decode()
        for place in range(len(STYLES))
        for page in render_pages(world, place)
        for line in marks_lines(page)
    }
    assert spellings == {*"SABCDEF", "FAIL", "Ab", "AB", "F AB", "", "WH", "MP", "RL"}


def test_zero_credits_are_an_equals_sign_and_half_credits_keep_their_decimal(world: World) -> None:
    printed: set[str] = set()
    for page in render_pages(world, 5)[::5]:
        read = scrape(page)
        assert read is not None
        printed.update(read.column("Credits"))
    assert printed == {"=", "1", "1.5", "2", "3", "4"}


def test_one_marks_table_can_hold_several_semesters(world: World) -> None:
    several = 0
    for page in render_pages(world, 5)[::5]:
        read = scrape(page)
        assert read is not None
        several += len({code[0] for code in read.column("Sub Code")}) > 1
    assert several
