"""Codes missing in the files become inferred rows; values of the files win."""

import polars as pl
from polars.testing import assert_frame_equal

from ouspark_assets.schemas.reference import COLLEGES, SUBJECTS
from ouspark_assets.sources.reference_files import (
    add_inferred_codes,
    add_inferred_subjects,
    read_colleges,
    read_subjects,
)

RELEASES = ["20240511", "20240718", "20240968"]


def marks(*rows: tuple[str, str, str | None, float, int | None]) -> pl.DataFrame:
    names = ["release", "subject_code", "subject_name", "credits", "semester"]
    return pl.DataFrame(rows, schema=names, orient="row")


def known(*rows: tuple[str, str, float | None, int | None, str | None]) -> pl.DataFrame:
    names = ["subject_code", "subject_name", "credits", "semester", "kind"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        inferred=False, counts_as=None
    )
    return SUBJECTS.conform(frame)


def test_an_unknown_code_becomes_a_nameless_row_marked_inferred() -> None:
    seen = pl.Series(["1604", "9999", "1604", None, "9999"])
    frame = add_inferred_codes(COLLEGES, read_colleges(), seen)
    COLLEGES.rules.validate(frame, lazy=True)
    assert frame.filter("inferred").rows() == [("9999", None, None, None, True)]
    assert_frame_equal(frame.filter(~pl.col("inferred")), read_colleges())


def test_without_codes_seen_only_the_rows_of_the_files_remain() -> None:
    assert_frame_equal(
        add_inferred_codes(COLLEGES, read_colleges(), pl.Series([], dtype=pl.String)),
        read_colleges(),
    )
    nothing = marks().cast({"subject_code": pl.String, "subject_name": pl.String})
    assert add_inferred_subjects(read_subjects(), nothing).is_empty()


def test_the_inferred_name_is_the_most_frequent_one() -> None:
    frame = add_inferred_subjects(
        read_subjects(),
        marks(
            ("20240511", "501", "SOFTWARE ENGG", 3.0, 5),
            ("20240511", "501", "SOFTWARE ENGG", 3.0, 5),
            ("20240968", "501", "SOFTWARE ENGINEERING", 3.0, 5),
            ("20240968", "501", None, 3.0, 5),
        ),
        RELEASES,
    )
    SUBJECTS.rules.validate(frame, lazy=True)
    assert frame.rows() == [("501", "SOFTWARE ENGG", 3.0, 5, "theory", None, True)]


def test_of_equally_frequent_names_and_credits_the_latest_is_taken() -> None:
    rows = [
        ("20240968", "501", "LATER", 4.0, 5),
        ("20240511", "501", "EARLIER", 3.0, 5),
        ("20240718", "501", "BETWEEN", 2.0, 5),
    ]
    for order in (rows, rows[::-1]):
        frame = add_inferred_subjects(read_subjects(), marks(*order), RELEASES)
        assert frame.select("subject_name", "credits").rows() == [("LATER", 4.0)]


def test_a_subject_with_lab_in_its_name_is_a_laboratory() -> None:
    frame = add_inferred_subjects(
        read_subjects(),
        marks(
            ("20240511", "551", "NETWORKS LAB", 1.0, 5),
            ("20240511", "552", "Physics (Laboratory)", 1.0, 5),
            ("20240511", "553", "SYLLABLES", 3.0, 5),
            ("20240511", "554", None, 3.0, 5),
        ),
    )
    assert frame["kind"].to_list() == ["laboratory", "laboratory", "theory", None]


def test_values_of_the_file_win_and_missing_ones_are_inferred() -> None:
    reference = known(
        ("FP&S2", "FOUNDATIONS OF PHYSICS", None, 2, None), ("OSC.3", "OTHER", 2.0, 3, "theory")
    )
    frame = add_inferred_subjects(
        reference, marks(("20240511", "FP&S2", "FOUND.OF PHYS.", 3.0, None)), RELEASES
    )
    assert frame.rows() == [
        ("FP&S2", "FOUNDATIONS OF PHYSICS", 3.0, 2, "theory", None, False),
        ("OSC.3", "OTHER", 2.0, 3, "theory", None, False),
    ]
