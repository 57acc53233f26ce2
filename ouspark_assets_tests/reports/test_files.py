from pathlib import Path

import pytest

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.reports.files import Written, put


def test_a_file_is_told_as_new_then_unchanged_then_changed(tmp_path: Path) -> None:
    path = tmp_path / "1604" / "sheet.xlsx"
    assert put(path, b"one") is Written.NEW
    before = path.stat().st_mtime_ns
    assert put(path, b"one") is Written.UNCHANGED
    assert path.stat().st_mtime_ns == before
    assert put(path, b"two") is Written.CHANGED
    assert path.read_bytes() == b"two"


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    put(tmp_path / "sheet.xlsx", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.xlsx"]


def test_a_place_that_cannot_be_written_is_one_clear_line_and_leaves_the_rest(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_bytes(b"a file, not a folder")
    with pytest.raises(OuSparkError, match=r"taken/sheet\.xlsx can't be written .* --out"):
        put(tmp_path / "taken" / "sheet.xlsx", b"one")
    assert (tmp_path / "taken").read_bytes() == b"a file, not a folder"


def test_a_folder_in_the_place_of_the_file_leaves_no_half_written_one(tmp_path: Path) -> None:
    (tmp_path / "sheet.xlsx" / "inside").mkdir(parents=True)
    with pytest.raises(OuSparkError):
        put(tmp_path / "sheet.xlsx", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.xlsx"]
