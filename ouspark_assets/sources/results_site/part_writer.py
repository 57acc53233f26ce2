"""Collect answers and write them to the lake in parts, in another thread.

Each part is a checkpoint: a run that dies resumes after the last one. `archive.py` defines what a
part looks like.
"""

import asyncio
import time
from collections.abc import Callable

from ouspark_assets.domain.errors import LakeError
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive

MAX_ROWS = 2000
MAX_BYTES = 16 * 1024 * 1024
MAX_SECONDS = 10.0

OnWritten = Callable[[], None]


class PartWriter:
    """Collects the answers of one release and writes them part by part."""

    def __init__(
        self,
        archive: PageArchive,
        release: str,
        *,
        rows: int = MAX_ROWS,
        seconds: float = MAX_SECONDS,
    ) -> None:
        """Write a part after this many rows, MAX_BYTES of pages or this many seconds."""
        self.on_written: OnWritten = lambda: None
        self.error: LakeError | None = None
        self.parts = 0
        self._archive, self._release = archive, release
        self._rows, self._seconds = rows, seconds
        self._answers: list[ArchivedAnswer] = []
        self._bytes = 0
        self._collecting_since = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    @property
    def is_behind(self) -> bool:
        """Whether a second full part waits for the one that is being written."""
        return self._writing is not None and self._is_full()

    def add(self, answer: ArchivedAnswer) -> None:
        """Take an answer, and start to write if the part is full."""
        self._answers.append(answer)
        self._bytes += len(answer.body or b"")
        if self._is_full():
            self._start_writing()

    def flush_if_due(self) -> None:
        """Start to write answers that have waited for long enough, however few they are."""
        if self._answers and time.monotonic() - self._collecting_since >= self._seconds:
            self._start_writing()

    async def close(self) -> None:
        """Write what is left; return when everything is in the lake."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
        if self._answers:
            self.error = None
            await self._write()
        if self.error is not None:
            raise self.error

    def _is_full(self) -> bool:
        return len(self._answers) >= self._rows or self._bytes >= MAX_BYTES

    def _start_writing(self) -> None:
        if self._writing is None and self.error is None:
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        answers, self._answers, self._bytes = self._answers, [], 0
        self._collecting_since = time.monotonic()
        try:
            await asyncio.to_thread(self._archive.write, self._release, answers)
            self.parts += 1
        except LakeError as error:
            # The answers are kept, and close() tries to write them once more.
            self._answers = answers + self._answers
            self.error = error
        finally:
            self._writing = None
            self.on_written()
