from pathlib import Path

import pytest

from ouspark_assets.cli.report import FileChange, write_if_changed
from ouspark_assets.domain.errors import OuSparkError


def test_a_file_is_new_then_unchanged_then_changed(tmp_path: Path) -> None:
    path = tmp_path / "1604" / "sheet.xlsx"
    assert write_if_changed(path, b"one") is FileChange.NEW
    before = path.stat().st_mtime_ns
    assert write_if_changed(path, b"one") is FileChange.UNCHANGED
    assert path.stat().st_mtime_ns == before
    assert write_if_changed(path, b"two") is FileChange.CHANGED
    assert path.read_bytes() == b"two"


def test_no_temporary_file_is_left_behind(tmp_path: Path) -> None:
    write_if_changed(tmp_path / "sheet.xlsx", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.xlsx"]


def test_a_path_that_cannot_be_written_is_reported_and_other_files_are_untouched(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_bytes(b"a file, not a folder")
    with pytest.raises(OuSparkError, match=r"Cannot write .*taken/sheet\.xlsx: .* --out"):
        write_if_changed(tmp_path / "taken" / "sheet.xlsx", b"one")
    assert (tmp_path / "taken").read_bytes() == b"a file, not a folder"


def test_no_temporary_file_is_left_if_a_folder_has_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "sheet.xlsx" / "inside").mkdir(parents=True)
    with pytest.raises(OuSparkError):
        write_if_changed(tmp_path / "sheet.xlsx", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.xlsx"]
