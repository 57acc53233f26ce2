"""Run the stand-in in a subprocess: `with running_standin(students=300) as site: site.url`.

The subprocess ends with the process that started it. Only the error classes of the project are
imported here.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ouspark_assets.domain.errors import SiteError

START_TIMEOUT: Final = 60.0
POLL_INTERVAL: Final = 0.02
STOP_TIMEOUT: Final = 5.0
PACKAGE_PARENT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class RunningStandin:
    """A stand-in that listens at `url`, and its options for the population and the faults."""

    url: str
    pid: int
    options: tuple[str, ...]

    def export(self, folder: Path) -> Path:
        """Write the truth of the releases published at the start into a folder and return it."""
        command = _command(*self.options, "--export", str(folder))
        done = subprocess.run(  # noqa: S603 — our own interpreter and module
            command, check=False, capture_output=True, text=True, env=_environment()
        )
        if done.returncode:
            raise SiteError(_last_line(done.stderr))
        return folder


@contextmanager
def running_standin(
    *,
    students: int | None = None,
    releases: int | None = None,
    seed: int | None = None,
    faults: str = "none",
    fault_seed: int = 1,
    release_after: float | None = None,
    changed_codes: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[RunningStandin]:
    """Start a stand-in, wait until it listens, and stop it when the block ends.

    Options that are None have the defaults of the command.
    """
    numbers = {"--students": students, "--releases": releases, "--seed": seed}
    given = {option: value for option, value in numbers.items() if value is not None}
    scale = tuple(str(part) for item in given.items() for part in item)
    scale += ("--changed-codes",) if changed_codes else ()
    content = (*scale, "--faults", faults, "--fault-seed", str(fault_seed))
    options = ["--host", host, "--port", str(port), "--with-parent", str(os.getpid())]
    if release_after is not None:
        options += ["--release-after", str(release_after)]
    with TemporaryDirectory(prefix="ouspark-standin-") as folder:
        ready, errors = Path(folder) / "url", Path(folder) / "errors"
        command = _command(*content, *options, "--ready-file", str(ready))
        with errors.open("wb") as error_output:
            process = subprocess.Popen(  # noqa: S603 — our own interpreter and module
                command, stdout=subprocess.DEVNULL, stderr=error_output, env=_environment()
            )
        try:
            yield RunningStandin(_wait_for_url(process, ready, errors), process.pid, content)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "ouspark_assets.standin", *options]


def _environment() -> dict[str, str]:
    # The package must be importable from any working directory.
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(PACKAGE_PARENT), *([known] if known else [])])
    return {**os.environ, "PYTHONPATH": path}


def _wait_for_url(process: "subprocess.Popen[bytes]", ready: Path, errors: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while not ready.exists():
        if process.poll() is not None:
            raise SiteError(_last_line(errors.read_text(encoding="utf-8", errors="replace")))
        if time.monotonic() > deadline:
            message = f"The stand-in did not start within {START_TIMEOUT:g} s."
            raise SiteError(message)
        time.sleep(POLL_INTERVAL)
    return ready.read_text(encoding="utf-8")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return (
        lines[-1].removeprefix("Error: ")
        if lines
        else "The stand-in ended at once without a message."
    )
