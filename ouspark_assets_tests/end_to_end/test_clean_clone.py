"""The commands of the README in a fresh clone, with no virtual environment and no state."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from ouspark_assets_tests.support.pipeline import ROOT

pytestmark = pytest.mark.full

COMMAND_TIMEOUT = 1500
DAGSTER_BLOCK = "dagster asset materialize --select source/release_index"


def clean_environment() -> dict[str, str]:
    """Return the environment of a new user: no settings, no virtual environment on the path."""
    dropped = ("OUSPARK_", "DAGSTER_", "VIRTUAL_ENV", "PYTEST_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    path = [part for part in kept["PATH"].split(os.pathsep) if not part.startswith(str(ROOT))]
    return {**kept, "PATH": os.pathsep.join(path)}


def shell(command: str, folder: Path) -> str:
    """Run a shell command, assert that it succeeds and return its output."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone") / "ouspark"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def dagster_commands() -> list[str]:
    """Return the Dagster commands of the README, except the one that never ends."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [
        block
        for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
        if DAGSTER_BLOCK in block
    ]
    return [line for line in block.splitlines() if line and not line.startswith("dagster dev")]


def test_make_run_loads_everything_and_a_second_run_finds_nothing_new(clone: Path) -> None:
    first = shell("make run", clone)
    assert "Publication 1" in first
    assert "Cache generation 1-" in first
    assert "Nothing new" in shell("make run", clone)


def test_the_dagster_commands_of_the_readme_work(clone: Path) -> None:
    for command in dagster_commands():
        shell(f". .venv/bin/activate && {command}", clone)


def test_the_working_tree_stays_clean(clone: Path) -> None:
    assert shell("git status --porcelain", clone) == ""


def test_the_tests_pass(clone: Path) -> None:
    assert " passed" in shell("bash .ci/run", clone)
