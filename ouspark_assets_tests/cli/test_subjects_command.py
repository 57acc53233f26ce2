"""`ouspark subjects`: the codes that count as newer ones, and likely pairs with their lines."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ouspark_assets.cli.commands import subjects
from ouspark_assets.pipeline.compute import compute_subjects
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import load_settings
from ouspark_assets.sources.equivalent_codes import read_equivalent_codes
from ouspark_assets.sources.reference_files import ReferenceFileError
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets_tests.support.factories import marks, releases

FEBRUARY, AUGUST = "20240402", "20240994"
HEADER = "old_code,new_code,why\n"
LINE = "451,PC451CS,same title and semester; moved: 1"


@pytest.fixture(autouse=True)
def development(only_development: None, development_dsn: str) -> None:
    """A student who failed 451 and passed PC451CS, of the same title."""
    index = releases(
        {"release": FEBRUARY, "session_year": 2024, "session_month": 2},
        {"release": AUGUST, "session_year": 2024, "session_month": 8},
    )
    sat = marks(
        {"release": FEBRUARY, "subject_code": "451", "semester": 4, "grade": "F", "points": 0},
        {"release": AUGUST, "subject_code": "PC451CS", "semester": None},
    )
    with (
        connected(development_dsn, Side.DEVELOPMENT) as connection,
        write_transaction(connection, "test") as writer,
    ):
        for table, frame in ((RELEASE_INDEX, index), (MARKS, sat)):
            writer.merge(table, [frame])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's file of equivalent codes."""
    path = tmp_path / "codes.csv"
    path.write_text(HEADER)
    monkeypatch.setenv("OUSPARK_EQUIVALENT_CODES", str(path))
    return path


def compute_and_store_subjects(dsn: str) -> None:
    index = releases({"release": FEBRUARY}, {"release": AUGUST})
    sat = marks(
        {"release": FEBRUARY, "subject_code": "451", "semester": 4},
        {"release": AUGUST, "subject_code": "PC451CS", "semester": None},
    )
    rows = compute_subjects({"marks": sat, "release_index": index}, load_settings().analytics)
    with (
        connected(dsn, Side.DEVELOPMENT) as connection,
        write_transaction(connection, "test") as writer,
    ):
        writer.merge(SUBJECTS, [rows])


def output(*arguments: str) -> str:
    done = CliRunner().invoke(subjects, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def listed() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(output("list", "--json"))
    return rows


def test_a_pair_is_proposed_with_its_evidence_and_its_line_can_be_added_as_it_is(
    own: Path, development_dsn: str
) -> None:
    (proposal,) = json.loads(output("propose", "--json"))
    assert proposal["line"] == LINE
    assert (proposal["moved"], proposal["old_students"], proposal["new_students"]) == (1, 1, 1)
    shown = output("propose")
    assert shown.endswith(f"\n{own}\n\n{LINE}\n")
    own.write_text(HEADER + LINE)
    assert [entry.new for entry in read_equivalent_codes(own)] == ["PC451CS"]
    compute_and_store_subjects(development_dsn)
    assert "No likely equivalent codes" in output("propose")


def test_without_a_file_the_header_is_proposed_too() -> None:
    shown = output("propose")
    assert "named by OUSPARK_EQUIVALENT_CODES" in shown
    assert shown.endswith(f"\n{HEADER}{LINE}\n")


def test_tables_fit_a_terminal_of_eighty_columns_without_folded_codes(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouspark_assets.cli.output.DEFAULT_WIDTH", 80)
    proposed = output("propose").splitlines()
    own.write_text(HEADER + LINE)
    for lines in (proposed, output("list").splitlines()):
        assert max(len(line) for line in lines if line != str(own)) <= 80
        assert any(re.search(r"451 *│ *PC451CS *│", line) for line in lines)


def test_without_a_subcommand_the_codes_are_listed(own: Path) -> None:
    assert "No subject codes count as others." in output()
    own.write_text(HEADER + "451,461,syllabus 2022\n461,PC451CS,syllabus 2023\n")
    shown = " ".join(output().split())
    assert "451 │ PC451CS" in shown
    assert "syllabus 2023" in shown


def test_a_code_is_in_effect_after_the_next_run(own: Path, development_dsn: str) -> None:
    own.write_text(HEADER)
    compute_and_store_subjects(development_dsn)
    own.write_text(HEADER + "451,PC451CS,syllabus 2023\n999,998,syllabus 2023\n")
    assert [row["state"] for row in listed()] == ["after the next run", "not seen on a page"]
    compute_and_store_subjects(development_dsn)
    row, _ = listed()
    assert row == {
        "old_code": "451", "new_code": "PC451CS", "counts_as": "PC451CS",
        "subject_name": "MATHEMATICS - I", "state": "in effect", "why": "syllabus 2023",
        "file": str(own), "line": 2,
    }  # fmt: skip


def test_a_malformed_file_is_one_line(own: Path) -> None:
    own.write_text(HEADER + "451,451,a\n")
    done = CliRunner().invoke(subjects, [])
    assert isinstance(done.exception, ReferenceFileError)
    assert str(done.exception).startswith(f"{own}, line 2: 451 → 451 is a cycle")
