"""Removes temporary Dagster homes that killed commands left in the project folder.

With DAGSTER_HOME unset, Dagster creates `.tmp_dagster_home_*` and removes it at the end, unless it
is killed. They hold nothing of ours: runs, events and logs are under `$OUSPARK_HOME`.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

PATTERN = ".tmp_dagster_home_*"
PROCESSES = Path("/proc")
# Without /proc nothing tells which process uses a folder, so only its age counts.
MAX_AGE_SECONDS = 7 * 24 * 3600


def remove_leftover_homes(project: Path) -> list[Path]:
    """Remove the temporary homes that no process uses, and return them."""
    homes = [path for path in project.glob(PATTERN) if path.is_dir()]
    if not homes:
        return []
    commands = list(_running_commands()) if PROCESSES.is_dir() else None
    unused = [home for home in homes if _is_unused(home, commands)]
    for home in unused:
        shutil.rmtree(home, ignore_errors=True)
    return unused


def _is_unused(home: Path, commands: list[str] | None) -> bool:
    if commands is None:
        return time.time() - home.stat().st_mtime > MAX_AGE_SECONDS
    return not any(home.name in command for command in commands)


def _running_commands() -> Iterator[str]:
    """Yield command line and environment of every process that this user may inspect."""
    for process in PROCESSES.glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                yield (process / name).read_bytes().decode(errors="replace")
            except OSError:  # The process has ended, or belongs to another user.
                continue
