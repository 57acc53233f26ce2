"""Files of equivalent codes are read, and a malformed one raises an error that says where."""

from pathlib import Path

import polars as pl
import pytest

from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.sources import equivalent_codes
from ouspark_assets.sources.equivalent_codes import (
    BUNDLED_FILE,
    EquivalentCode,
    add_equivalent_codes,
    equivalent_codes_digest,
    read_equivalent_codes,
)
from ouspark_assets.sources.reference_files import ReferenceFileError

HEADER = "old_code,new_code,why\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The path of an operator's file."""
    return tmp_path / "codes.csv"


def subjects(*rows: tuple[str, str | None, float | None, int | None, str | None]) -> pl.DataFrame:
    names = ["subject_code", "subject_name", "credits", "semester", "kind"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return SUBJECTS.conform(frame.with_columns(inferred=True, counts_as=None))


def equivalents(**newer: str) -> list[EquivalentCode]:
    return [EquivalentCode(old, new, "test", Path(), 1) for old, new in newer.items()]


def test_the_bundled_file_can_be_read() -> None:
    assert all(entry.path == BUNDLED_FILE for entry in read_equivalent_codes(None))


def test_the_operators_file_is_read_in_addition_to_the_bundled_one(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "bundled.csv"
    bundled.write_text(HEADER + "301,351,new scheme\n")
    monkeypatch.setattr(equivalent_codes, "BUNDLED_FILE", bundled)
    own.write_text(HEADER + "\n451, PC451CS ,syllabus 2023\n301,351,known to us as well\n")
    assert read_equivalent_codes(own) == (
        EquivalentCode("301", "351", "new scheme", bundled, 2),
        EquivalentCode("451", "PC451CS", "syllabus 2023", own, 3),
    )


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("451,451,same\n", "line 2: 451 → 451 is a cycle"),
        ("451,461,a\n461,471,b\n471,451,c\n", "line 2: 451 → 461 → 471 → 451 is a cycle"),
        ("301,351,a\n451,461,b\n461,451,c\n", "line 3: 451 → 461 → 451 is a cycle"),
        (
            "451,461,a\n\n451,471,b\n",
            "line 4: 451 counts as 471 here, but as 461 in {path}, line 2. "
            "An old code has one newer code",
        ),
        ("451,pc451cs,a\n", "line 2: new_code is 'pc451cs', not a subject code as stored"),
        ("COMPUTERS,451,a\n", "line 2: old_code is 'COMPUTERS', not a subject code as stored"),
        (f"451,{'4' * 21},a\n", "line 2: new_code is"),
        ("451,461, \n", "line 2: why is missing: say how you know that 451 became 461"),
        ("451,461\n", "line 2: has 2 of 3 values"),
    ],
)
def test_the_error_for_a_malformed_line_names_the_file_and_the_line(
    own: Path, lines: str, complaint: str
) -> None:
    own.write_text(HEADER + lines)
    with pytest.raises(ReferenceFileError) as caught:
        read_equivalent_codes(own)
    message = str(caught.value)
    assert message.startswith(f"{own}, {complaint.format(path=own)}")
    assert "\n" not in message


def test_another_header_is_an_error(own: Path) -> None:
    own.write_text("451,PC451CS,syllabus\n")
    with pytest.raises(ReferenceFileError, match="line 1: the header must be old_code,new_code,wh"):
        read_equivalent_codes(own)


def test_a_missing_file_is_an_error_that_names_the_variable(own: Path) -> None:
    with pytest.raises(
        ReferenceFileError, match=r"codes\.csv cannot be .*OUSPARK_EQUIVALENT_CODES"
    ):
        read_equivalent_codes(own)


def test_the_digest_changes_with_the_content_of_the_file(own: Path) -> None:
    digests = [equivalent_codes_digest(None), equivalent_codes_digest(own)]
    for text in (HEADER, HEADER + "451,PC451CS,syllabus\n"):
        own.write_text(text)
        digests.append(equivalent_codes_digest(own))
    # A missing file and the header alone differ too: reading the first one is an error.
    assert len(set(digests)) == len(digests)


def test_an_older_code_counts_as_the_newest_of_its_chain() -> None:
    frame = add_equivalent_codes(
        subjects(
            ("301", "A", 3, 3, "theory"), ("351", "A", 3, 3, "theory"),
            ("361", "A", 3, 3, "theory"), ("302", "B", 3, 3, "theory"),
        ),
        [*equivalents(**{"351": "361"}), *equivalents(**{"301": "351"})],
    )  # fmt: skip
    SUBJECTS.rules.validate(frame, lazy=True)
    assert frame.select("subject_code", "counts_as").rows() == [
        ("301", "361"), ("302", None), ("351", "361"), ("361", None),
    ]  # fmt: skip


def test_what_is_unknown_of_a_code_is_taken_from_its_equivalent_codes() -> None:
    frame = add_equivalent_codes(
        subjects(
            ("451", "COMPUTER ORGANISATION", 3, 4, "theory"),
            ("PC451CS", "COMPUTER ORGANIZATION", 4, None, "theory"),
        ),
        equivalents(**{"451": "PC451CS"}),
    )
    assert frame.rows() == [
        ("451", "COMPUTER ORGANISATION", 3, 4, "theory", "PC451CS", True),
        ("PC451CS", "COMPUTER ORGANIZATION", 4, 4, "theory", None, True),
    ]


def test_a_newest_code_that_no_page_has_shown_yet_has_a_row() -> None:
    frame = add_equivalent_codes(
        subjects(("451", "COMPUTER ORGANISATION", 3, 4, "theory")),
        equivalents(**{"451": "PC451CS", "999": "998"}),
    )
    SUBJECTS.rules.validate(frame, lazy=True)
    assert frame.rows()[1:] == [
        ("PC451CS", "COMPUTER ORGANISATION", 3, 4, "theory", None, True)
    ]  # The codes of subjects that are not known get no row.
