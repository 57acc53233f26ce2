"""Locks that the kernel lets go of when their holder dies, however it dies.

What belongs here: taking and testing `flock`s, and the membership of a process in the users of
the servers. Nothing here relies on a pid being alive.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ouspark_assets.services.paths import Places

PAUSE_SECONDS = 0.01


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Take the lock on a file and return its descriptor, or None while somebody else has it.

    The file must exist: creating it here would bring back parts of a home that is being deleted.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def wait_lock(path: Path, seconds: float, *, shared: bool = False) -> int | None:
    """Take the lock within some seconds, else None."""
    deadline = time.monotonic() + seconds
    while (descriptor := try_lock(path, shared=shared)) is None:
        if time.monotonic() > deadline:
            return None
        time.sleep(PAUSE_SECONDS)
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock on an existing file; looking changes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def held(descriptor: int) -> Iterator[None]:
    """Let go of a lock at the end of a block."""
    try:
        yield
    finally:
        os.close(descriptor)


def join(places: Places, seconds: float) -> int | None:
    """Become a user of the servers; None when the gate stays closed (they are stopping)."""
    gate = wait_lock(places.gate, seconds, shared=True)
    if gate is None:
        return None
    with held(gate):
        descriptor, _ = tempfile.mkstemp(prefix=f"{os.getpid()}.", dir=places.users)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def users(places: Places) -> tuple[int, ...]:
    """The pids of the processes that use the servers."""
    return tuple(
        sorted(int(entry.name.partition(".")[0]) for entry in _entries(places) if is_locked(entry))
    )


def sweep(places: Places) -> None:
    """Remove what dead users left; only for whoever holds the gate."""
    for entry in _entries(places):
        if not is_locked(entry):
            entry.unlink(missing_ok=True)


def _entries(places: Places) -> list[Path]:
    if not places.users.is_dir():
        return []
    return [entry for entry in places.users.iterdir() if entry.name.partition(".")[0].isdigit()]
