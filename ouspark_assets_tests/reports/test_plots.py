"""Plots: well-formed, small, without students, legible on light and dark backgrounds."""

import base64
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from ouspark_assets.bench.synthetic import generate_clean_tables
from ouspark_assets.orchestration.assets.analytics import PLOTS
from ouspark_assets.reports import plots
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets_tests.analytics.universities import compute_all_aggregates

MAX_BYTES = 20_000
# The minimum of WCAG for graphics and large text.
MIN_CONTRAST = 3
SVG = "{http://www.w3.org/2000/svg}"
EACH = pytest.mark.parametrize("table", PLOTS, ids=lambda table: table.name)


@pytest.fixture(scope="module")
def university() -> dict[str, pl.DataFrame]:
    return compute_all_aggregates(
        {**vars(generate_clean_tables(3_000)), "subjects": SUBJECTS.empty()}
    )


@EACH
def test_a_plot_is_a_small_picture_of_bars_without_tickets(table, university) -> None:
    svg = PLOTS[table](university[table.name])
    drawn = ET.fromstring(svg)  # noqa: S314 - our own text
    assert len(drawn.findall(f"{SVG}rect")) > 1
    assert len(plots.as_markdown(svg)) < MAX_BYTES
    assert not any(ticket in svg for ticket in university["students"]["hall_ticket"])


@EACH
def test_bars_stay_inside_the_picture(table, university) -> None:
    drawn = ET.fromstring(PLOTS[table](university[table.name]))  # noqa: S314
    width, height = float(drawn.attrib["width"]), float(drawn.attrib["height"])
    for bar in drawn.findall(f"{SVG}rect"):
        x, y, across, down = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + across <= width
        assert 0 <= y <= y + down <= height


@EACH
def test_a_table_without_numbers_can_be_plotted(table, university) -> None:
    svg = PLOTS[table](university[table.name].clear())
    drawn = ET.fromstring(svg)  # noqa: S314
    full = ET.fromstring(PLOTS[table](university[table.name]))  # noqa: S314
    assert drawn.tag == full.tag == f"{SVG}svg"
    assert len(drawn.findall(f"{SVG}rect")) < len(full.findall(f"{SVG}rect"))
    assert "nan" not in svg.lower()


def test_labels_can_not_break_out_of_the_picture() -> None:
    svg = plots.horizontal_bars("<b>&", [plots.Bar("<script>", 1, '"')], 1)
    assert "<script>" not in svg
    assert "<b>" not in svg


def test_markdown_carries_the_picture_itself() -> None:
    start, encoded = plots.as_markdown("<svg/>").removesuffix(")").split("base64,")
    assert start == "![plot](data:image/svg+xml;"
    assert base64.b64decode(encoded) == b"<svg/>"


@pytest.mark.parametrize("colour", [plots.INK, plots.BAR])
def test_colours_stand_out_from_white_and_from_black(colour: str) -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for ground in ("#ffffff", "#12161f"):
        light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > MIN_CONTRAST


def texts(svg: str) -> list[str]:
    drawn = ET.fromstring(svg)  # noqa: S314 - our own text
    return [text.text or "" for text in drawn.iter(f"{SVG}text")]


def test_the_labels_of_the_gender_plot_are_in_the_unit_of_its_bars() -> None:
    rows = pl.DataFrame(
        {
            "dimension": "gender",
            "value": ["FEMALE", "MALE"],
            "college_code": pl.Series([None, None], dtype=pl.String),
            "branch_code": pl.Series([None, None], dtype=pl.String),
            "admission_year": 2021,
            "students": [30, 90],
        }
    )
    assert texts(plots.gender_ratio(rows))[1:] == [
        "2021 female", "25.0 % of 120", "2021 male", "75.0 % of 120",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("subjects", "title"),
    [
        (28, "Pass percentage, 28 subjects"),
        (41, "Pass percentage, the 40 lowest of 41 subjects"),
    ],
)
def test_the_title_of_the_subjects_says_whether_all_are_shown(subjects: int, title: str) -> None:
    codes = [f"{number:03d}" for number in range(subjects)]
    stats = pl.DataFrame({"subject_code": codes, "passed": 1, "appeared": 2})
    assert texts(plots.pass_percent_of_subjects(stats))[0] == title
