"""The same cleaning in several processes, where there are pages enough to pay for starting them.

Each worker is a fresh interpreter (no fork of a process with threads, no import of the caller's
`__main__`) that imports only what cleaning needs. At most two slices per worker are under way.
"""

import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import IO, BinaryIO, cast

import polars as pl

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import NO_SUBJECTS
from ouspark_assets.pages.corrections import Correction
from ouspark_assets.pages.worker import Job, receive, send
from ouspark_assets.settings import PACKAGE_PARENT

PAGES_AT_ONCE = 1_000
# Below this many pages (about a second of work) starting workers costs more than it saves.
LEAST_PAGES = 2_000
SLICES_PER_WORKER = 2
Worker = subprocess.Popen[bytes]


class WorkerError(OuSparkError):
    """A parsing process ended before its work was done."""


def clean_in_parallel(
    release: str,
    batches: Iterable[pl.DataFrame],
    *,
    workers: int | None = None,
    subjects: pl.DataFrame = NO_SUBJECTS,
    corrections: Sequence[Correction] = (),
) -> Iterator[CleanBatch]:
    """`clean_pages` for every slice of the batches, in order, in `workers` processes.

    Without `workers` as many as there are cores; below 2,000 pages or with one worker, here.
    """
    slices = _slices(batches)
    job = Job(release, subjects, tuple(corrections))
    count = _cores() if workers is None else workers
    first, total = [], 0
    while total < LEAST_PAGES and (piece := next(slices, None)) is not None:
        first.append(piece)
        total += piece.height
    waiting = chain(first, slices)
    if count == 1 or total < LEAST_PAGES:
        return (job.clean(piece) for piece in waiting)
    return _in_workers(count, job, waiting)


def _slices(batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The pages in slices of one size: every slice costs 50 ms beyond the work on its pages."""
    waiting: list[pl.DataFrame] = []
    height = 0
    for batch in batches:
        waiting.append(batch)
        height += batch.height
        if height >= PAGES_AT_ONCE:
            *whole, last = pl.concat(waiting).iter_slices(PAGES_AT_ONCE)
            yield from whole
            waiting, height = [last], last.height
    if height:
        yield pl.concat(waiting)


def _in_workers(count: int, job: Job, slices: Iterable[pl.DataFrame]) -> Iterator[CleanBatch]:
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    under_way: deque[Future[CleanBatch]] = deque()

    def clean(piece: pl.DataFrame) -> CleanBatch:
        worker = idle.get()
        try:
            return _answer(worker, piece)
        finally:
            idle.put(worker)

    with ExitStack() as stack:
        for _ in range(count):
            idle.put(stack.enter_context(_worker(job)))
        threads = stack.enter_context(ThreadPoolExecutor(count, "cleaning"))
        # Leaving early must not wait for slices that nobody takes any more.
        stack.callback(lambda: [future.cancel() for future in under_way])
        for piece in slices:
            under_way.append(threads.submit(clean, piece))
            if len(under_way) == count * SLICES_PER_WORKER:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


@contextmanager
def _worker(job: Job) -> Iterator[Worker]:
    path = os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]))
    worker = subprocess.Popen(
        [sys.executable, "-m", "ouspark_assets.pages.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "POLARS_MAX_THREADS": "1"},
    )
    try:
        send(_pipe(worker.stdin), job)
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def _answer(worker: Worker, piece: pl.DataFrame) -> CleanBatch:
    try:
        send(_pipe(worker.stdin), piece)
        batch = receive(_pipe(worker.stdout))
    except (EOFError, BrokenPipeError) as error:
        status = worker.wait()
        why = "was killed, perhaps for want of memory" if status < 0 else "failed, as it says above"
        message = f"A process that reads pages {why} (exit status {status}): run again"
        raise WorkerError(message) from error
    if not isinstance(batch, CleanBatch):
        message = f"A process that reads pages answered with a {type(batch).__name__}"
        raise TypeError(message)
    return batch


def _pipe(pipe: IO[bytes] | None) -> BinaryIO:
    if pipe is None:
        message = "a worker has no pipe"
        raise TypeError(message)
    return cast("BinaryIO", pipe)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
