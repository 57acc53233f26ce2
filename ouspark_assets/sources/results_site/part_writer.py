"""Answers on their way into the lake: gathered, then written as a part in another thread.

Each part is a checkpoint. What a part looks like is `archive.py`.
"""

import asyncio
import time
from collections.abc import Callable

from ouspark_assets.domain.errors import LakeError
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.parts import ArchivedAnswer

PART_ROWS = 2000
PART_BYTES = 16 * 1024 * 1024
PART_SECONDS = 10.0

Written = Callable[[], None]


class PartWriter:
    """Gathers the answers of one release and writes them, part by part."""

    def __init__(
        self,
        archive: PageArchive,
        release: str,
        *,
        rows: int = PART_ROWS,
        seconds: float = PART_SECONDS,
    ) -> None:
        """Write to a release of the archive, at the latest after so many rows or seconds."""
        self.on_written: Written = _nothing
        self.error: LakeError | None = None
        self._archive, self._release = archive, release
        self._rows, self._seconds = rows, seconds
        self._answers: list[ArchivedAnswer] = []
        self._bytes = 0
        self._since = time.monotonic()
        self._writing: asyncio.Task[None] | None = None
        self.parts = 0

    @property
    def is_behind(self) -> bool:
        """Whether a whole further part is waiting for the one being written."""
        return self._writing is not None and self._is_full()

    def add(self, answer: ArchivedAnswer) -> None:
        """Take an answer; a full part begins to be written."""
        self._answers.append(answer)
        self._bytes += len(answer.body or b"")
        if self._is_full():
            self._begin()

    def tick(self) -> None:
        """Begin to write what has waited for long enough, however little it is."""
        if self._answers and time.monotonic() - self._since >= self._seconds:
            self._begin()

    async def close(self) -> None:
        """Write what is left; returns when everything is in the lake."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
        if self._answers:
            self.error = None
            await self._write()
        if self.error is not None:
            raise self.error

    def _is_full(self) -> bool:
        return len(self._answers) >= self._rows or self._bytes >= PART_BYTES

    def _begin(self) -> None:
        if self._writing is None and self.error is None:
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        answers, self._answers, self._bytes = self._answers, [], 0
        self._since = time.monotonic()
        try:
            await asyncio.to_thread(self._archive.write, self._release, answers)
            self.parts += 1
        except LakeError as error:
            # They stay in hand: closing tries once more.
            self._answers = answers + self._answers
            self.error = error
        finally:
            self._writing = None
            self.on_written()


def _nothing() -> None:
    """No one waits for parts."""
