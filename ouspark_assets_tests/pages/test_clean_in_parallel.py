"""Cleaning in several processes gives the same result as in one and leaves no process behind."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.pages import parallel
from ouspark_assets.pages.batch import CleanBatch, merge_batches
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.corrections import Correction
from ouspark_assets.pages.parallel import WorkerError, clean_in_parallel
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage, pages_of
from ouspark_assets_tests.support.waiting import wait_until

PAGE = replace(
    ResultPage(), marks=(*ResultPage().marks, ("FP&amp;S2", "X", "#REF!", "9", "A"))
).body()
SUBJECTS = pl.DataFrame({"subject_code": ["FP&S2"], "semester": [3]})


def pages(count: int) -> pl.DataFrame:
    tickets = [f"1604217{serial:05d}" for serial in range(count)]
    return pages_of(
        *((ticket, PAGE.replace(TICKET.encode(), ticket.encode())) for ticket in tickets)
    )


def assert_equal(one: CleanBatch, other: CleanBatch) -> None:
    for name in ("appearances", "results", "marks", "rejected", "accounting"):
        assert_frame_equal(getattr(one, name), getattr(other, name))
    assert one.layout == other.layout


def cleaning_processes() -> list[int]:
    """Return the ids of the worker processes that this process has started."""
    command = ["ps", "-ww", "-o", "pid,args", "--ppid", str(os.getpid())]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = out.stdout.splitlines()
    return [int(line.split()[0]) for line in lines if "ouspark_assets.pages.worker" in line]


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "MIN_PAGES_FOR_WORKERS", 50)
    monkeypatch.setattr(parallel, "SLICE_SIZE", 10)


def test_two_processes_give_the_same_result_as_one() -> None:
    frame = pages(60)
    fingerprint = clean_pages(RELEASE, frame.head(1)).rejected["fingerprint"][0]
    correction = Correction(
        RELEASE, frame["hall_ticket"][7], "marks", fingerprint, {"credits": "3"}
    )
    options = {"subjects": SUBJECTS, "corrections": [correction]}
    batches = clean_in_parallel(RELEASE, frame.iter_slices(7), workers=2, **options)
    together = merge_batches(batches)
    assert_equal(together, clean_pages(RELEASE, frame, **options))
    assert together.marks.filter(subject_code="FP&S2")["semester"].to_list() == [3]
    assert cleaning_processes() == []


def test_a_few_pages_are_cleaned_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Iterator[CleanBatch]:
        message = "no process should be started"
        raise AssertionError(message)

    monkeypatch.setattr(parallel, "_in_workers", refused)
    monkeypatch.setattr(parallel, "SLICE_SIZE", 1_000)
    batches = list(clean_in_parallel(RELEASE, pages(40).iter_slices(10), workers=2))
    assert len(batches) == 1, "small batches are worth cleaning together"
    assert_equal(batches[0], clean_pages(RELEASE, pages(40)))


def test_no_pages_give_an_empty_batch() -> None:
    together = merge_batches(clean_in_parallel(RELEASE, [], workers=2))
    assert_equal(together, merge_batches([clean_pages(RELEASE, pages(1).clear())]))
    assert together.accounting["found"].sum() == 0


def test_a_killed_worker_is_reported_in_one_line() -> None:
    batches = clean_in_parallel(RELEASE, [pages(300)], workers=2)
    next(batches)
    for pid in cleaning_processes():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"was killed.*exit status -9.*Run again"):
        list(batches)
    assert cleaning_processes() == []


def test_closing_the_iterator_early_ends_the_workers() -> None:
    batches = clean_in_parallel(RELEASE, [pages(300)], workers=2)
    next(batches)
    assert len(cleaning_processes()) == 2
    batches.close()  # type: ignore[attr-defined]  # the iterator is a generator
    wait_until("all workers have ended", lambda: not cleaning_processes(), timeout=10)
