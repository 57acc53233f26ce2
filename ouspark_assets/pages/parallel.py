"""Cleaning in several processes, if there are enough pages to be worth starting them.

Each worker is a fresh interpreter that imports only what cleaning needs: a process with threads is
not forked, and the caller's `__main__` is not imported. At most two slices per worker are in
progress.
"""

import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from typing import IO, BinaryIO, cast

import polars as pl

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import NO_SUBJECTS, clean_pages
from ouspark_assets.pages.corrections import Correction
from ouspark_assets.pages.worker import receive, send
from ouspark_assets.settings import PACKAGE_PARENT

SLICE_SIZE = 1_000
# Below this many pages (about a second of work), starting workers costs more than it saves.
MIN_PAGES_FOR_WORKERS = 2_000
SLICES_PER_WORKER = 2
Process = subprocess.Popen[bytes]
Clean = Callable[[pl.DataFrame], CleanBatch]


class WorkerError(OuSparkError):
    """A worker process ended before its work was done."""


def clean_in_parallel(
    release: str,
    batches: Iterable[pl.DataFrame],
    *,
    workers: int | None = None,
    subjects: pl.DataFrame = NO_SUBJECTS,
    corrections: Sequence[Correction] = (),
) -> Iterator[CleanBatch]:
    """Yield the result of `clean_pages` for every slice of the batches, in order.

    `workers` defaults to the number of cores. With one worker, or below 2,000 pages, the work is
    done in this process.
    """
    slices = _slices(batches)
    clean = partial(clean_pages, release, subjects=subjects, corrections=tuple(corrections))
    count = _cores() if workers is None else workers
    first, total = [], 0
    while total < MIN_PAGES_FOR_WORKERS and (piece := next(slices, None)) is not None:
        first.append(piece)
        total += piece.height
    waiting = chain(first, slices)
    if count == 1 or total < MIN_PAGES_FOR_WORKERS:
        return map(clean, waiting)
    return _in_workers(count, clean, waiting)


def _slices(batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the pages in slices of equal size, because each slice has a fixed cost of 50 ms."""
    waiting: list[pl.DataFrame] = []
    height = 0
    for batch in batches:
        waiting.append(batch)
        height += batch.height
        if height >= SLICE_SIZE:
            *whole, last = pl.concat(waiting).iter_slices(SLICE_SIZE)
            yield from whole
            waiting, height = [last], last.height
    if height:
        yield pl.concat(waiting)


def _in_workers(count: int, clean: Clean, slices: Iterable[pl.DataFrame]) -> Iterator[CleanBatch]:
    idle: queue.SimpleQueue[Process] = queue.SimpleQueue()
    in_progress: deque[Future[CleanBatch]] = deque()

    def clean_in_idle_worker(piece: pl.DataFrame) -> CleanBatch:
        worker = idle.get()
        try:
            return _clean_in(worker, piece)
        finally:
            idle.put(worker)

    with ExitStack() as stack:
        for _ in range(count):
            idle.put(stack.enter_context(_start_worker(clean)))
        threads = stack.enter_context(ThreadPoolExecutor(count, "cleaning"))
        # If the caller stops early, the slices that are not started yet must not be waited for.
        stack.callback(lambda: [future.cancel() for future in in_progress])
        for piece in slices:
            in_progress.append(threads.submit(clean_in_idle_worker, piece))
            if len(in_progress) == count * SLICES_PER_WORKER:
                yield in_progress.popleft().result()
        while in_progress:
            yield in_progress.popleft().result()


@contextmanager
def _start_worker(clean: Clean) -> Iterator[Process]:
    path = os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]))
    worker = subprocess.Popen(
        [sys.executable, "-m", "ouspark_assets.pages.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "POLARS_MAX_THREADS": "1"},
    )
    try:
        send(_pipe(worker.stdin), clean)
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def _clean_in(worker: Process, piece: pl.DataFrame) -> CleanBatch:
    try:
        send(_pipe(worker.stdin), piece)
        batch = receive(_pipe(worker.stdout))
    except (EOFError, BrokenPipeError) as error:
        status = worker.wait()
        why = (
            "was killed, possibly for lack of memory"
            if status < 0
            else "failed (see its error above)"
        )
        message = f"A worker process that parses pages {why}; exit status {status}. Run again."
        raise WorkerError(message) from error
    if not isinstance(batch, CleanBatch):
        message = f"A worker process returned a {type(batch).__name__} instead of a CleanBatch."
        raise TypeError(message)
    return batch


def _pipe(pipe: IO[bytes] | None) -> BinaryIO:
    if pipe is None:
        message = "A worker process has no pipe."
        raise TypeError(message)
    return cast("BinaryIO", pipe)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
