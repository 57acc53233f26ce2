"""A disk that can be filled: a small file system where mounting one is allowed.

It is mounted in a mount namespace of this program and disappears with it. Where mounting is not
allowed, a limit on the file size of the run has the same effect as a full disk.
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
NAMESPACE_VARIABLE = "CHAOS_MOUNTS_ALONE"
UNSHARE = "unshare"
BLOCK = b"\0" * 1024 * 1024
MAX_FILE_BYTES = 16 * 1024


def enter_mount_namespace() -> None:
    """Restart this program in a mount namespace of its own, if that is allowed."""
    if NAMESPACE_VARIABLE in os.environ or os.geteuid() != 0 or shutil.which(UNSHARE) is None:
        return
    if _run([UNSHARE, "--mount", "true"]):
        command = [UNSHARE, "--mount", *sys.orig_argv]
        os.execvpe(UNSHARE, command, {**os.environ, NAMESPACE_VARIABLE: "1"})  # noqa: S606 (no shell wanted)


@dataclass(frozen=True)
class Disk:
    """The disk of a home; `is_mounted` tells whether it is a file system of its own."""

    folder: Path
    is_mounted: bool

    @contextmanager
    def full(self, pid: int) -> Iterator[None]:
        """Fill the disk, or limit the file size of a process, for the duration of the block."""
        if not self.is_mounted:
            with _limit_file_size(pid):
                yield
            return
        ballast = self.folder / "ballast"
        try:
            _fill(ballast)
            yield
        finally:
            ballast.unlink(missing_ok=True)


@contextmanager
def mount_disk(folder: Path) -> Iterator[Disk]:
    """Yield a disk at a folder: a new file system if mounting is allowed, else the existing one."""
    folder.mkdir(parents=True)
    options = f"size={SIZE_MB}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "ouspark-chaos", str(folder)]
    is_mounted = NAMESPACE_VARIABLE in os.environ and _run(mount)
    try:
        yield Disk(folder, is_mounted=is_mounted)
    finally:
        if is_mounted:
            _run(["umount", "--lazy", str(folder)])


def _run(command: list[str]) -> bool:
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
def _limit_file_size(pid: int) -> Iterator[None]:
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
