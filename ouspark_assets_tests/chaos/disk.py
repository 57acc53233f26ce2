"""A disk that can be full: a small file system of its own where mounting one is allowed.

It is mounted in a mount namespace of this program, so that it is gone with it, however it ends.
Elsewhere a run is forbidden to write files beyond a size, which full disks look like to it.
"""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SIZE_MB = 1536
ALONE = "CHAOS_MOUNTS_ALONE"
UNSHARE = "unshare"
BLOCK = b"\0" * 1024 * 1024
LARGEST_FILE = 16 * 1024


def mount_alone() -> None:
    """Go on in a mount namespace of our own, where that is allowed; else do nothing."""
    if ALONE in os.environ or os.geteuid() != 0 or shutil.which(UNSHARE) is None:
        return
    if _succeeds([UNSHARE, "--mount", "true"]):
        command = [UNSHARE, "--mount", *sys.orig_argv]
        os.execvpe(UNSHARE, command, {**os.environ, ALONE: "1"})  # noqa: S606 (no shell wanted)


@dataclass(frozen=True)
class Disk:
    """Where a home lies; `own` is whether it is a file system of its own."""

    folder: Path
    own: bool

    @contextmanager
    def full(self, run: int) -> Iterator[None]:
        """Leave no byte free, or let a run write no longer files."""
        if not self.own:
            with _longest_file(run):
                yield
            return
        ballast = self.folder / "ballast"
        try:
            _fill(ballast)
            yield
        finally:
            ballast.unlink(missing_ok=True)


@contextmanager
def disk_at(folder: Path) -> Iterator[Disk]:
    """A disk of its own at a folder if that can be had, else the one that is there."""
    folder.mkdir(parents=True)
    options = f"size={SIZE_MB}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "ouspark-chaos", str(folder)]
    own = ALONE in os.environ and _succeeds(mount)
    try:
        yield Disk(folder, own=own)
    finally:
        if own:
            _succeeds(["umount", "--lazy", str(folder)])


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for block in (BLOCK, BLOCK[:4096]):
            while True:
                try:
                    if file.write(block) < len(block):
                        break
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break


@contextmanager
def _longest_file(pid: int) -> Iterator[None]:
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, endless)
