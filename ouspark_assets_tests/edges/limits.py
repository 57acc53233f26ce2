"""What must not hang and must not grow: a deadline far beyond need, and a ceiling on memory."""

import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# The slowest of these takes a second alone; what hangs takes minutes or for ever.
PATIENCE_SECONDS = 60


@contextmanager
def in_time(seconds: int = PATIENCE_SECONDS) -> Iterator[None]:
    """Fail instead of hanging."""

    def late(number: int, frame: FrameType | None) -> None:
        del number, frame
        message = f"it is not done after {seconds} s"
        raise AssertionError(message)

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def at_most(megabytes: float) -> Iterator[None]:
    """Fail if Python objects take more than this at any moment, in time."""
    tracemalloc.start()
    try:
        with in_time():
            yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1_000_000, f"{peak / 1_000_000:.1f} MB"
