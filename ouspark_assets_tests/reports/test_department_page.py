"""Department pages: content, self-containment and escaping."""

import polars as pl
from lxml import html

from ouspark_assets.reports.department_page import Department, department_page
from ouspark_assets.reports.report_data import (
    ReportNames,
    ReportTables,
    combine_classes,
    split_by_class,
)
from ouspark_assets_tests.analytics.universities import FEB_22, compute_aggregates, ticket
from ouspark_assets_tests.reports.test_class_sheet import AS_OF, GRADED

ANN, BEN = ticket(1), ticket(2, year=20)


def page(name: str = "ANN", subject: str = "MATHS") -> str:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "S"), (FEB_22, BEN, "101", 4, "F")])
    tables = ReportTables(
        release=None,
        students=found["students"].with_columns(pl.lit(name).alias("name")),
        grades=found["standings"].select(GRADED),
        semesters=found["semester_gpas"].select("hall_ticket", "semester", "sgpa", "state"),
        cgpas=found["student_cgpas"].select("hall_ticket", "cgpa"),
        rankings=found["student_rankings"],
    )
    in_branch = pl.col("branch_code") == "733"
    department = Department(
        college="1604",
        branch="733",
        tables=combine_classes([part for _, part in split_by_class(tables)]),
        college_stats=found["department_stats"],
        rankings=found["department_rankings"].filter(in_branch),
        demographics=found["demographics"].filter(in_branch),
        semester_stats=found["semester_stats"],
    )
    names = ReportNames({"1604": "A <b>College</b>"}, {}, {"101": subject}, AS_OF, "All releases")
    return department_page(department, names)


def test_the_page_lists_every_class_and_subject_of_the_department() -> None:
    tree = html.document_fromstring(page())
    headings = [heading.text_content() for heading in tree.iter("h2")]
    assert headings[0] == "Students by admission year"
    years = tree.find(".//table").findall(".//tbody/tr")
    assert [row.find("td").text for row in years] == ["2020", "2021"]
    subject = tree.findall(".//table")[-1].find(".//tbody/tr")
    # 101: one passed and one failed.
    assert [cell.text for cell in subject][:6] == ["101", "MATHS", "1", "2", "1", "1"]
    assert [cell.text for cell in subject][8:] == ["50.00", "5.00"]


def test_the_page_contains_its_plots() -> None:
    assert page().count("<svg") == 4


def test_nothing_is_loaded_from_elsewin_branch() -> None:
    tree = html.document_fromstring(page())
    loaded = [node for node in tree.iter() if {"src", "href", "{*}href"} & set(node.attrib)]
    assert not loaded
    assert not list(tree.iter("script", "link", "iframe", "img"))
    assert "@import" not in page()
    assert "url(" not in page()


def test_names_are_escaped() -> None:
    made = page("<script>alert(1)</script>", "<img src=x>")
    assert "<script" not in made
    assert "<img" not in made
    assert "&lt;script&gt;" in made
    assert "A &lt;b&gt;College&lt;/b&gt;" in made
