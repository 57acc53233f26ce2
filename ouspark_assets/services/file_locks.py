"""Exclusive and shared locks on files (`flock`).

The kernel releases them when their holder ends, even after SIGKILL; no lock depends on a recorded
pid. What a lock protects is decided by the callers.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ouspark_assets.services.start_policy import LOCK_POLL_INTERVAL


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Lock a file and return its descriptor; None while another process holds the lock.

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


def wait_for_lock(path: Path, seconds: float, *, shared: bool = False) -> int | None:
    """Lock a file and return its descriptor; None if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while (descriptor := try_lock(path, shared=shared)) is None:
        if time.monotonic() > deadline:
            return None
        time.sleep(LOCK_POLL_INTERVAL)
    return descriptor


def lock_descriptor(descriptor: int) -> None:
    """Lock an open file, however long that takes."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock; False if there is no file. Creates nothing."""
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


def wait_until_unlocked(path: Path) -> None:
    """Return once no process holds the lock alone; waits in the kernel, without polling."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # Closing alone would not release it if the process has forked in the meantime.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


@contextmanager
def closing_descriptor(descriptor: int) -> Iterator[None]:
    """Close a descriptor, and thereby release its lock, at the end of the block."""
    try:
        yield
    finally:
        os.close(descriptor)
