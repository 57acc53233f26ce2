"""The logs of the servers: appended to by the servers themselves, bounded by the supervisor.

What belongs here: opening, bounding and quoting log files. What is written is the servers' own.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from ouspark_assets.services.paths import PRIVATE_FILE

LARGEST_BYTES = 4 * 1024 * 1024
KEPT_BYTES = 1024 * 1024
QUOTED_LINES = 3
QUOTED_CHARACTERS = 400


def open_log(path: Path) -> int:
    """Open a log for appending, so that it can be cut while the server writes."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)


def note(message: str) -> None:
    """Write a line to the supervisor's own log, which is where its standard error goes."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC [{os.getpid()}] {message}\n")
    sys.stderr.flush()


def size(path: Path) -> int:
    """The bytes in a log; none when there is no log."""
    return path.stat().st_size if path.exists() else 0


def bound(path: Path) -> None:
    """Cut a log that has grown too large, keeping its end beside it."""
    if size(path) <= LARGEST_BYTES:
        return
    with path.open("r+b") as log:
        log.seek(-KEPT_BYTES, os.SEEK_END)
        end = log.read()
        log.truncate(0)
    older = os.open(
        path.with_suffix(".old.log"),
        os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
        PRIVATE_FILE,
    )
    with os.fdopen(older, "wb") as file:
        file.write(end)


def last_words(path: Path, since: int) -> str:
    """The last lines that were written after a position, as one line."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(since if since <= size(path) else 0)
        lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines()]
    said = " | ".join([line for line in lines if line][-QUOTED_LINES:])
    return said[-QUOTED_CHARACTERS:]
