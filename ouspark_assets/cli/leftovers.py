"""What killed Dagster commands leave in the project: temporary homes that nobody uses any more.

With DAGSTER_HOME unset Dagster makes `.tmp_dagster_home_*` and removes it at the end, unless it is
killed. Nothing of ours is in them: runs, events and logs are under `$OUSPARK_HOME`.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

PATTERN = ".tmp_dagster_home_*"
PROCESSES = Path("/proc")
# Without /proc there is no telling who uses a folder, so only its age counts.
OLD_SECONDS = 7 * 24 * 3600


def sweep_leftovers(project: Path) -> list[Path]:
    """Remove the temporary homes that no process uses; returns what was removed."""
    homes = [path for path in project.glob(PATTERN) if path.is_dir()]
    if not homes:
        return []
    commands = list(_running_commands()) if PROCESSES.is_dir() else None
    stale = [home for home in homes if _is_stale(home, commands)]
    for home in stale:
        shutil.rmtree(home, ignore_errors=True)
    return stale


def _is_stale(home: Path, commands: list[str] | None) -> bool:
    if commands is None:
        return time.time() - home.stat().st_mtime > OLD_SECONDS
    return not any(home.name in command for command in commands)


def _running_commands() -> Iterator[str]:
    """Command line and environment of every process that may be looked at."""
    for process in PROCESSES.glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                yield (process / name).read_bytes().decode(errors="replace")
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
