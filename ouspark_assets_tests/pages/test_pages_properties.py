"""Property tests: reading a generated page returns the records it was generated from."""

from dataclasses import replace
from html import escape

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ouspark_assets.domain.grades import POINTS_BY_GRADE
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.html_tables import decode_page, normalize_text
from ouspark_assets_tests.pages.page_builder import (
    FIVE_COLUMNS,
    FOUR_COLUMNS,
    RELEASE,
    TICKET,
    ResultPage,
    pages_of,
)

FEW_EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

WORDS = (
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ .&'-", min_size=1, max_size=30)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: any(char.isalpha() for char in text))
)
CODES = st.from_regex(r"[1-8][0-9]{2}[A-Z]?|FP&S[0-9]|OSC\.[0-9]", fullmatch=True)
CREDITS = st.sampled_from([("=", 0.0), ("1", 1.0), ("1.5", 1.5), ("3", 3.0), ("4.0", 4.0)])
GRADES = st.sampled_from([*POINTS_BY_GRADE, "", "RL", "WH"])
SPELLINGS = {"F": ["F", "FAIL", "f"], "Ab": ["Ab", "AB", "F AB"]}
NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


@st.composite
def mark(draw: st.DrawFn) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """Return the cells of a subject row and the expected values without `points_derived`."""
    code, name, (printed, number) = draw(CODES), draw(WORDS), draw(CREDITS)
    grade = draw(GRADES)
    spelled = draw(st.sampled_from(SPELLINGS.get(grade, [grade])))
    points = POINTS_BY_GRADE.get(grade)
    shown = draw(
        st.sampled_from(["", "-", spelled if points is not None else "", str(points or 0)])
    )
    semester = int(code[0]) if code[0].isdigit() else None
    return (
        (code, name, printed, shown, spelled),
        (code, name, semester, number, grade, points),
    )


@st.composite
def line(draw: st.DrawFn, semester: int) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """Return the cells of a semester line without SGPA and the expected values."""
    printed = draw(st.sampled_from([str(semester), NUMERALS[semester - 1], f"SEM {semester}"]))
    status = draw(st.sampled_from(["PASSED", "PROMOTED", "ALREADY PROMOTED", "DETAINED"]))
    dashes = draw(st.sampled_from(["", "--", " - "]))
    cgpa = draw(st.sampled_from([("-", None), ("", None), ("8.1", 8.1), ("10", 10.0)]))
    return (printed, status + dashes, cgpa[0]), (semester, status, None, cgpa[1])


@FEW_EXAMPLES
@given(
    marks=st.lists(mark(), min_size=1, max_size=12, unique_by=lambda pair: pair[1][0]),
    lines=st.lists(st.integers(1, 8), max_size=8, unique=True).flatmap(
        lambda semesters: st.tuples(*map(line, semesters))
    ),
    name=WORDS,
    father=WORDS,
    order=st.permutations(range(5)),
    four=st.booleans(),
    nested=st.booleans(),
)
def test_reading_a_page_returns_the_records_it_prints(
    marks: list[tuple[tuple[str, ...], tuple[object, ...]]],
    lines: tuple[tuple[tuple[str, ...], tuple[object, ...]], ...],
    name: str,
    father: str,
    order: list[int],
    *,
    four: bool,
    nested: bool,
) -> None:
    shown = [at for at in order if FIVE_COLUMNS[at] in FOUR_COLUMNS] if four else order
    plain = ResultPage()
    page = replace(
        plain,
        personal=(
            plain.personal[0],
            ("Name", escape(name), "Father's Name", escape(father)),
            plain.personal[2],
        ),
        marks_header=tuple(FIVE_COLUMNS[at] for at in shown),
        marks=tuple(tuple(escape(cells[at]) for at in shown) for cells, _ in marks),
        results=tuple(cells for cells, _ in lines),
        personal_ends="" if nested else plain.personal_ends,
    )
    batch = clean_pages(RELEASE, pages_of(page.body()))
    assert batch.rejected.is_empty()
    read = batch.marks.drop("release", "hall_ticket", "sha256", "points_derived").rows()
    assert read == [expected for _, expected in marks]
    derived = [four or not cells[3].isdigit() for cells, _ in marks]
    decided = [expected[-1] is not None for _, expected in marks]
    assert batch.marks["points_derived"].to_list() == [
        is_derived and is_decided for is_derived, is_decided in zip(derived, decided, strict=True)
    ]
    results = batch.results.drop("release", "hall_ticket", "sha256").rows()
    assert results == [expected for _, expected in lines]
    assert batch.appearances["name"].to_list() == [name]
    assert batch.appearances["father_name"].to_list() == [father]


@FEW_EXAMPLES
@given(st.binary(max_size=2_000), st.booleans())
def test_a_page_of_random_bytes_is_rejected(body: bytes, inside: bool) -> None:
    page = ResultPage().body()
    cut = page.index(b"NETWORKS")
    whole = page[:cut] + body if inside else body
    batch = clean_pages(RELEASE, pages_of(whole))
    assert batch.rejected["table_name"].to_list() == ["pages"]
    assert not batch.rejected["reasons"].list.len().eq(0).any()


@FEW_EXAMPLES
@given(
    st.lists(
        st.sampled_from(
            [
                ("501", "X", "3", "10", "S"),
                ("501", "X", "3", "9", "A"),
                ("501", "X", "3.0", "10", "S"),
                ("502", "X", "3", "9", "A"),
                ("502", "X", "?", "9", "A"),
                ("503", "X", "3", "9"),
                ("", "", "", "", ""),
            ]
        ),
        min_size=1,
        max_size=9,
    )
)
def test_every_row_found_is_accepted_collapsed_or_quarantined(rows: list[tuple[str, ...]]) -> None:
    batch = clean_pages(RELEASE, pages_of(replace(ResultPage(), marks=tuple(rows)).body()))
    account = batch.accounting.filter(table_name="marks").row(0)[1:]
    found, accepted, collapsed, quarantined = account
    assert found == sum(any(row) for row in rows) == accepted + collapsed + quarantined
    assert accepted == batch.marks.height
    assert batch.marks["subject_code"].is_unique().all()
    sound = {row for row in rows if row[0] == "501"}
    contradicting = len({row[3] for row in sound}) > 1
    assert ("501" in batch.marks["subject_code"]) == (bool(sound) and not contradicting)


@given(st.text(max_size=200))
def test_normalizing_text_twice_changes_nothing(text: str) -> None:
    once = normalize_text(text.replace("&", ""))
    assert normalize_text(once) == once
    assert once == once.strip()
    assert "  " not in once


@given(st.binary(max_size=200))
def test_decoding_never_fails_and_never_returns_nul(body: bytes) -> None:
    assert "\0" not in decode_page(body)


def test_the_semester_of_a_code_without_one_comes_from_the_reference_files() -> None:
    page = replace(
        ResultPage(), marks=(("FP&amp;S2", "X", "3", "9", "A"), ("601", "", "3", "9", "A"))
    )
    subjects = pl.DataFrame(
        {"subject_code": ["FP&S2", "601", "OSC.3"], "semester": [2, 1, 3], "kind": ["", "", ""]}
    )
    batch = clean_pages(RELEASE, pages_of(page.body()), subjects=subjects)
    assert batch.marks.select("subject_code", "semester").rows() == [("FP&S2", 2), ("601", 6)]
    assert batch.marks["hall_ticket"].unique().to_list() == [TICKET]
