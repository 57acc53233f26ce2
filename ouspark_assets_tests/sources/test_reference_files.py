"""The reference files are read, and a malformed one raises an error that says where."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest

from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.sources import reference_files as reference
from ouspark_assets.sources.reference_files import FOLDER, ReferenceFileError

LOADERS: list[tuple[Table, Callable[..., pl.DataFrame]]] = [
    (COLLEGES, reference.read_colleges),
    (BRANCHES, reference.read_branches),
    (SUBJECTS, reference.read_subjects),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the reference files that a test may damage."""
    return copytree(FOLDER, tmp_path / "reference", ignore=lambda *_: ["__pycache__"])


@pytest.mark.parametrize(("table", "load"), LOADERS, ids=lambda value: getattr(value, "name", ""))
def test_the_files_of_the_repository_satisfy_their_models(
    table: Table, load: Callable[..., pl.DataFrame]
) -> None:
    frame = load()
    table.rules.validate(frame, lazy=True)
    assert frame.schema == pl.Schema(table.dtypes)
    assert not frame["inferred"].any()


def test_the_colleges_with_results_on_the_site_are_in_the_file() -> None:
    known = reference.read_colleges()
    assert known.height == 15
    on_pages = known.filter(~pl.col("autonomous"))["college_code"].to_list()
    assert on_pages == ["1603", "1604", "1605", "1610", "2453", "2455", "2456"]


def test_the_usual_branches_are_in_the_file() -> None:
    codes = reference.read_branches()["branch_code"].to_list()
    assert {"732", "733", "734", "735", "736", "737", "747", "748", "749", "750"} <= set(codes)


def test_blank_lines_and_a_byte_order_mark_are_ignored(folder: Path) -> None:
    path = folder / "branches.csv"
    path.write_text("\ufeff" + path.read_text().replace("\n733", "\n\n733"))
    assert reference.read_branches(folder).equals(reference.read_branches())


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("colleges.csv", "college_code,name\n", "line 1: the header must be college_code,name,"),
        ("colleges.csv", "", "line 1: the header must be"),
        (
            "colleges.csv",
            "college_code,name,short_name,autonomous\n1604,A,B,no\n1605,A,B,maybe\n",
            "line 3: autonomous is 'maybe', not yes or no",
        ),
        (
            "colleges.csv",
            "college_code,name,short_name,autonomous\n\n16O4,A,B,no\n",
            "line 3: college_code is malformed",
        ),
        (
            "branches.csv",
            "branch_code,name,short_name\n733,A,B\n732,C,D\n733,E,F\n",
            "line 4: branch_code 733 is there twice",
        ),
        ("branches.csv", "branch_code,name,short_name\n733,A\n", "line 2: has 2 of 3 values"),
        (
            "branches.csv",
            "branch_code,name,short_name\n733,,CSE\n",
            "line 2: broken rule: named unless inferred",
        ),
        ("branches.csv", 'branch_code,name,short_name\n733,"A,B\n', "line 2: unexpected end"),
        (
            "subjects.csv",
            "subject_code,subject_name,credits,semester,kind\nPC1,A,three,3,theory\n",
            "line 2: credits is 'three', not a number",
        ),
        (
            "subjects.csv",
            "subject_code,subject_name,credits,semester,kind\nPC1,A,3,9,theory\n",
            "line 2: semester is not between 1 and 8",
        ),
        (
            "subjects.csv",
            "subject_code,subject_name,credits,semester,kind\nPC1,A,3,3,practical\n",
            "line 2: kind is not one of the allowed values",
        ),
    ],
)
def test_the_error_for_a_malformed_file_names_the_file_and_the_line(
    folder: Path, name: str, text: str, complaint: str
) -> None:
    (folder / name).write_text(text)
    load = getattr(reference, f"read_{name.removesuffix('.csv')}")
    with pytest.raises(ReferenceFileError) as caught:
        load(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / name}, {complaint}")
    assert "\n" not in message


def test_a_missing_file_raises_a_one_line_error(folder: Path) -> None:
    (folder / "colleges.csv").unlink()
    with pytest.raises(ReferenceFileError, match=r"colleges\.csv cannot be read .*Restore it"):
        reference.read_colleges(folder)


def test_a_file_that_is_not_text_raises_a_one_line_error(folder: Path) -> None:
    (folder / "colleges.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReferenceFileError, match=r"colleges\.csv cannot be read"):
        reference.read_colleges(folder)


def test_a_subject_may_lack_credits_and_semester(folder: Path) -> None:
    text = "subject_code,subject_name,credits,semester,kind\nFP&S2,FOUNDATIONS,,2,\n"
    (folder / "subjects.csv").write_text(text)
    assert reference.read_subjects(folder).rows() == [
        ("FP&S2", "FOUNDATIONS", None, 2, None, None, False)
    ]
