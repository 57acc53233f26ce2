"""Trying mutations: run the named tests on a copy of the repository that contains the fault.

The working tree is never changed. What a mutation is belongs to `mutation.py`.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from ouspark_assets_tests.mutations.mutation import ROOT, Mutation, MutationError

VENV = ".venv"
# A fault may make a test wait for ever.
TRIAL_TIMEOUT = 180
BASELINE_TIMEOUT = 1800
MAX_OUTPUT = 3000


class Verdict(StrEnum):
    """What became of a mutation."""

    NOTICED = "noticed"
    SURVIVED = "SURVIVED"
    # The patch does not fit, or pytest could not run the tests.
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Trial:
    """A tried mutation, the verdict, and how long it took; `detail` explains a bad verdict."""

    mutation: Mutation
    verdict: Verdict
    seconds: float
    detail: str = ""


@contextmanager
def copy_of_repository(folder: Path) -> Iterator[Path]:
    """Copy the files of the working tree into a new folder, with the same virtual environment."""
    root = folder / "copy"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / VENV).symlink_to(ROOT / VENV)
    yield root
    shutil.rmtree(root)


def try_mutation(mutation: Mutation, root: Path) -> Trial:
    """Apply the mutation to a copy of the repository, run its tests, and undo it."""
    started = time.monotonic()
    path = mutation.path(root)
    try:
        mutated = mutation.mutated_source(root)
    except MutationError as error:
        return Trial(mutation, Verdict.BROKEN, 0.0, str(error))
    original = path.read_text(encoding="utf-8")
    path.write_text(mutated, encoding="utf-8")
    try:
        code, output = run_tests(mutation.node_ids(), root, timeout=TRIAL_TIMEOUT)
    finally:
        path.write_text(original, encoding="utf-8")
    seconds = time.monotonic() - started
    if code is None or code == pytest.ExitCode.TESTS_FAILED:
        return Trial(mutation, Verdict.NOTICED, seconds)
    if code == pytest.ExitCode.OK:
        return Trial(mutation, Verdict.SURVIVED, seconds)
    return Trial(mutation, Verdict.BROKEN, seconds, output[-MAX_OUTPUT:])


def run_tests(
    node_ids: Iterable[str], root: Path, *, timeout: float, processes: int = 0
) -> tuple[int | None, str]:
    """Run these tests in a copy and return pytest's exit code and output; None after a timeout."""
    command = [
        sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider",
        "-n", str(processes), *([] if processes else ["-x"]), *node_ids,
    ]  # fmt: skip
    # Commands that the tests start import the copy as well.
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return None, output
    return process.returncode, output
