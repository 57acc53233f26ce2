"""Waiting for a condition, with a deadline that no slow machine ever meets."""

import time
from collections.abc import Callable

LONGEST_SECONDS = 900.0
POLL_SECONDS = 0.02


def until(is_so: Callable[[], bool], what: str, seconds: float = LONGEST_SECONDS) -> None:
    """Wait until something is so; TimeoutError after so long."""
    if not comes_true(is_so, seconds):
        message = f"Waited {seconds:.0f} s for {what}"
        raise TimeoutError(message)


def comes_true(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; says whether it came to that."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
