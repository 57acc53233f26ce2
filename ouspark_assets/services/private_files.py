"""Permissions of everything that holds students' data: only its owner may read it.

Entry points call `restrict_permissions` before they create or open anything. It costs a few system
calls: the folders near the root are examined each time, and their contents only if a folder is open
to others, after which they are private.
"""

import logging
import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

from ouspark_assets.services.paths import PRIVATE_FOLDER

PRIVATE_UMASK = 0o077
FOR_OTHERS = 0o077
# Folders that this project creates, with the levels below them that are always examined. The lake
# has one folder per release at its third level; one with open files is open itself. Deeper levels
# of the others have thousands of folders of runs and of PostgreSQL.
LAKE_FOLDERS = {"raw": 2, "forgotten": 0}
HOME_FOLDERS = {"lake": 3, "dagster": 1, "services": 1, "logs": 0}

log = logging.getLogger(__name__)


def restrict_permissions(home: Path, lake: str) -> None:
    """Let only the owner read what this process creates, and what home and lake contain."""
    os.umask(PRIVATE_UMASK)
    _correct_once(home, lake)


@cache
def _correct_once(home: Path, lake: str) -> None:
    _correct(home, HOME_FOLDERS)
    if "://" not in lake and not Path(lake).is_relative_to(home):
        _correct(Path(lake), LAKE_FOLDERS)


def _correct(root: Path, own_folders: dict[str, int]) -> None:
    """Correct the folders of ours in a root, and the root itself unless it has other folders."""
    try:
        for name, levels in own_folders.items():
            if (root / name).is_dir():
                make_private(root / name, levels)
        others = [entry for entry in os.scandir(root) if entry.is_dir()]
        if {entry.name for entry in others} <= own_folders.keys():
            make_private(root, 0)
    except (FileNotFoundError, NotADirectoryError):
        return  # nothing to protect yet
    except OSError as error:
        log.warning("Other users may be able to read %s: %s.", root, error.strerror)


def make_private(folder: Path, levels: int) -> None:
    """Make a folder private; also its contents, where it was open or down to these levels.

    The folder is changed after its contents, so that a correction that was killed is repeated.
    Symbolic links and the files of other users are left alone.
    """
    status = folder.stat()
    if status.st_uid != os.geteuid():
        return
    was_open = bool(status.st_mode & FOR_OTHERS)
    if not was_open and levels <= 0:
        return
    for entry in os.scandir(folder):
        # Other processes remove files and folders in the meantime.
        with suppress(FileNotFoundError):
            if entry.is_dir(follow_symlinks=False):
                make_private(Path(entry.path), levels - 1)
            elif was_open and not entry.is_symlink():
                file = entry.stat(follow_symlinks=False)
                if file.st_mode & FOR_OTHERS and file.st_uid == os.geteuid():
                    Path(entry.path).chmod(stat.S_IMODE(file.st_mode) & ~FOR_OTHERS)
    if was_open:
        folder.chmod(PRIVATE_FOLDER)
