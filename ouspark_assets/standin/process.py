"""The stand-in in a process of its own, for whoever needs a results site for a while.

`with running_standin(students=300) as site: site.url`. Nothing of the project is imported but its
errors, and the process ends with the one that started it.
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

PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02
GRACE_SECONDS: Final = 5.0
PACKAGE_PARENT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class RunningStandin:
    """A stand-in that listens at `url`."""

    url: str
    pid: int
    world: tuple[str, ...]

    def export(self, folder: Path) -> Path:
        """Write the truth of this site's world into a folder: what was out when it started."""
        command = _command(*self.world, "--export", str(folder))
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
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[RunningStandin]:
    """Start a stand-in, wait until it listens, and stop it at the end.

    The command's defaults apply to the options that are None.
    """
    scale = {"--students": students, "--releases": releases, "--seed": seed}
    given = {option: value for option, value in scale.items() if value is not None}
    world = tuple(str(part) for item in given.items() for part in item)
    options = ["--faults", faults, "--fault-seed", str(fault_seed)]
    options += ["--host", host, "--port", str(port), "--with-parent", str(os.getpid())]
    if release_after is not None:
        options += ["--release-after", str(release_after)]
    with TemporaryDirectory(prefix="ouspark-standin-") as folder:
        ready, errors = Path(folder) / "url", Path(folder) / "errors"
        command = _command(*world, *options, "--ready-file", str(ready))
        with errors.open("wb") as error_output:
            process = subprocess.Popen(  # noqa: S603 — our own interpreter and module
                command, stdout=subprocess.DEVNULL, stderr=error_output, env=_environment()
            )
        try:
            yield RunningStandin(_wait(process, ready, errors), process.pid, world)
        finally:
            _stop(process)


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "ouspark_assets.standin", *options]


def _environment() -> dict[str, str]:
    """The project must be importable wherever the caller's folder is."""
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(PACKAGE_PARENT), *([known] if known else [])])
    return {**os.environ, "PYTHONPATH": path}


def _wait(process: "subprocess.Popen[bytes]", ready: Path, errors: Path) -> str:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not ready.exists():
        if process.poll() is not None:
            raise SiteError(_last_line(errors.read_text(encoding="utf-8", errors="replace")))
        if time.monotonic() > ends:
            message = f"The bundled results site did not start within {PATIENCE_SECONDS:g} s"
            raise SiteError(message)
        time.sleep(POLL_SECONDS)
    return ready.read_text(encoding="utf-8")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else "The bundled results site ended at once"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
