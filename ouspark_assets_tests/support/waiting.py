"""Waits until a condition becomes true, e.g. one that another process brings about."""

import time
from collections.abc import Callable
from pathlib import Path

POLL_INTERVAL = 0.02


def wait_until(
    description: str,
    condition: Callable[[], bool],
    *,
    timeout: float = 30,
    log: Path | None = None,
) -> None:
    """Wait until the condition is true; fail after `timeout` seconds with the end of the log."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, (
            f"not reached: {description}\n{log.read_text()[-6000:] if log else ''}"
        )
        time.sleep(POLL_INTERVAL)
