"""`make setup` says what it does, and why it cannot."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ouspark_assets_tests.support.pipeline import ROOT

INSTALL = ROOT / "requirements" / "install.py"


def set_up(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run `make setup` in a folder that has only the files it needs first."""
    (folder / "requirements").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements/dev.txt"):
        shutil.copy(ROOT / name, folder / name)
    return subprocess.run(
        ["make", "setup", f"PYTHON={python}"],
        # A make that runs the tests would add its own messages to those of this one.
        env={name: text for name, text in os.environ.items() if not name.startswith("MAKE")},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "no such program"),
        ("exit 0", "does not run as Python"),
        ("exit 1", "does not run as Python"),
        ('case "$2" in print*) echo 42;; *) exit 1;; esac; [ $# -gt 1 ]', "3.11 or newer is requi"),
        ('case "$2" in *ensurepip*) exit 1;; print*) echo 42;; esac', "has no venv module"),
    ],
)
def test_setup_names_what_is_wrong_with_the_python(
    tmp_path: Path, script: str | None, message: str
) -> None:
    python = tmp_path / "python"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    done = set_up(tmp_path, str(python))
    (line,) = done.stdout.splitlines()
    assert done.returncode != 0
    assert str(python) in line
    assert message in line
    assert not (tmp_path / ".venv").exists()


def test_the_installation_prints_progress_instead_of_the_output_of_pip(tmp_path: Path) -> None:
    requirements = ROOT / "requirements" / "dev.txt"
    (click,) = re.findall(
        r"^click==.*(?:\n    --hash=\S+(?: \\)?)+", requirements.read_text(), re.MULTILINE
    )
    (tmp_path / "one.txt").write_text(f"{click}\n")
    done = subprocess.run(
        [sys.executable, INSTALL, tmp_path / "one.txt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"  1 of 1 packages\n  \d+ s\n", done.stdout)


def test_a_failed_installation_prints_what_pip_said(tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_text("--no-such-option\n")
    done = subprocess.run(
        [sys.executable, INSTALL, tmp_path / "wrong.txt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no-such-option" in done.stderr
