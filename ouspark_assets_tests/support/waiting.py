"""Waits until a condition becomes true, e.g. one that another process brings about."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from ouspark_assets.warehouse.core.connection import Connection

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


def wait_until_blocked(observer: Connection, purpose: str, thread: Thread) -> None:
    """Wait until the thread's connection with this purpose waits for a lock in this database.

    Fails if the thread ends instead: then nothing kept it from going on. `observer` must not be in
    a transaction, in which PostgreSQL shows the same state again and again.
    """

    def is_blocked() -> bool:
        assert thread.is_alive(), f"{purpose} did not wait for a lock"
        found = observer.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND application_name LIKE %s",
            (f"%{purpose}%",),
        ).fetchone()
        return found is not None

    wait_until(f"{purpose} waits for a lock", is_blocked)
