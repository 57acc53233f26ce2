"""What is known at the moment of a reading, and how long is waited for it.

A part that could not be found out in time is missing, rather than an error or a wait.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from ouspark_assets.operations.status import CacheState, PublicationState
from ouspark_assets.warehouse.records.counters import History

# Readings that hang; beyond that many nothing is tried any more until one of them ends.
MOST_HANGING = 8


@dataclass
class Reading:
    """Filled in part by part; None is what is not known."""

    history: History | None = None
    publication: PublicationState | None = None
    cache: CacheState | None = None
    complete_releases: int | None = None
    incomplete_releases: int | None = None
    failed_checks: int | None = None
    problem: str | None = None


Fill = Callable[[Reading], None]


class Reader:
    """Takes readings in time: whatever hangs, hangs in a thread of its own."""

    def __init__(self, fill: Fill, seconds: float) -> None:
        """Take readings by this function, each for so long at most."""
        self._fill, self._seconds = fill, seconds
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def read(self) -> Reading:
        """What is known now, or after the time that a reading may take."""
        reading = Reading()
        with self._lock:
            self._threads = [it for it in self._threads if it.is_alive()]
            if len(self._threads) >= MOST_HANGING:
                return reading
            thread = threading.Thread(target=self._fill, args=(reading,), daemon=True)
            self._threads.append(thread)
            thread.start()
        thread.join(self._seconds)
        return replace(reading)
