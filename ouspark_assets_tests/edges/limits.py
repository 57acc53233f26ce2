"""Limits on time and memory for tests of input that must not hang or grow without bound."""

import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# The slowest of these tests takes a second; one that hangs would take minutes or forever.
MAX_SECONDS = 60


@contextmanager
def time_limit(seconds: int = MAX_SECONDS) -> Iterator[None]:
    """Fail if the block takes longer than this."""

    def fail(number: int, frame: FrameType | None) -> None:
        del number, frame
        message = f"not done after {seconds} s"
        raise AssertionError(message)

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def memory_limit(megabytes: float) -> Iterator[None]:
    """Fail if Python objects take more memory than this at any moment, or the block hangs."""
    tracemalloc.start()
    try:
        with time_limit():
            yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1_000_000, f"{peak / 1_000_000:.1f} MB"
