"""The other end of `parallel.py`: a process that cleans the pages it is sent.

Reads jobs from standard input and writes batches to standard output until its input ends, so it
never outlives the process that started it.
"""

import gc
import pickle
import signal
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

import polars as pl

from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.corrections import Correction

LENGTH_BYTES = 8
# Pages leave no cycles behind, so there is little to look for after every 700 objects.
GARBAGE_THRESHOLD = 100_000


@dataclass(frozen=True)
class Job:
    """What is the same for all pages of a release."""

    release: str
    subjects: pl.DataFrame
    corrections: tuple[Correction, ...]

    def clean(self, pages: pl.DataFrame) -> CleanBatch:
        """`clean_pages` of some of them."""
        return clean_pages(
            self.release, pages, subjects=self.subjects, corrections=self.corrections
        )


def send(stream: BinaryIO, message: object) -> None:
    """Write one message, preceded by its length."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "big"))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; EOFError when the other side is gone."""
    length = stream.read(LENGTH_BYTES)
    data = stream.read(int.from_bytes(length, "big")) if len(length) == LENGTH_BYTES else b""
    if not data:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - both ends of the pipe are this program


def main() -> None:
    """Answer every job with its batch."""
    # Ctrl-C reaches the whole process group; the parent decides, and then the input ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        job = receive(sys.stdin.buffer)
        while True:
            send(sys.stdout.buffer, job.clean(receive(sys.stdin.buffer)))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
