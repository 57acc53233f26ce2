"""Serving metrics over HTTP and writing them to a file."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ouspark_assets.domain.errors import MetricsError
from ouspark_assets.operations.metrics import (
    MAX_HANGING_SNAPSHOTS,
    FillSnapshot,
    ListenAddress,
    Metrics,
    MetricsServer,
    Snapshot,
    SnapshotTaker,
    format_metrics,
    write_metrics,
)
from ouspark_assets_tests.operations.metrics_snapshot import complete_snapshot
from ouspark_assets_tests.support.waiting import wait_until

LOOPBACK = ListenAddress("127.0.0.1", 0)
TIMEOUT = 30


def fill_completely(snapshot: Snapshot) -> None:
    vars(snapshot).update(vars(complete_snapshot()))


@contextmanager
def served(fill: FillSnapshot, seconds: float = TIMEOUT) -> Iterator[str]:
    with MetricsServer(LOOPBACK, Metrics(SnapshotTaker(fill, seconds))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{server.address}"
        server.shutdown()
        thread.join(TIMEOUT)


@contextmanager
def hanging() -> Iterator[tuple[FillSnapshot, threading.Event]]:
    """Yield a function that fills in the failed checks and then hangs until the block ends."""
    over, tried = threading.Event(), threading.Event()

    def fill(snapshot: Snapshot) -> None:
        snapshot.failed_checks = 3
        tried.set()
        over.wait(TIMEOUT)
        fill_completely(snapshot)

    yield fill, tried
    over.set()


def test_metrics_are_served_in_the_text_format_by_default() -> None:
    with served(fill_completely) as url:
        answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "ouspark_up 1.0" in answer.text


def test_metrics_are_served_as_openmetrics_on_request() -> None:
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    with served(fill_completely) as url:
        answer = httpx.get(f"{url}/metrics?x=1", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_other_paths_and_methods_are_refused() -> None:
    with served(fill_completely) as url:
        assert httpx.get(url).status_code == 404
        assert httpx.head(f"{url}/metrics").content == b""
        assert httpx.post(f"{url}/metrics").status_code == 501


def test_every_request_takes_a_new_snapshot() -> None:
    numbers = iter(range(1, 3))

    def fill(snapshot: Snapshot) -> None:
        snapshot.failed_checks = next(numbers)

    with served(fill) as url:
        for number in (1, 2):
            assert f"ouspark_failed_checks {number}.0" in httpx.get(f"{url}/metrics").text


def test_when_facts_take_too_long_the_known_ones_are_served_in_time() -> None:
    with hanging() as (fill, _), served(fill, 0.2) as url:
        answer = httpx.get(f"{url}/metrics", timeout=TIMEOUT)
    assert answer.status_code == 200
    assert "ouspark_up 0.0" in answer.text
    assert "ouspark_failed_checks 3.0" in answer.text
    assert "ouspark_publication_number" not in answer.text


def test_the_number_of_hanging_snapshots_is_limited() -> None:
    calls: list[None] = []
    with hanging() as (fill, _):

        def count_and_hang(snapshot: Snapshot) -> None:
            calls.append(None)
            fill(snapshot)

        taker = SnapshotTaker(count_and_hang, 0.01)
        for _ in range(MAX_HANGING_SNAPSHOTS * 2):
            assert taker.take().history is None
        assert len(calls) == MAX_HANGING_SNAPSHOTS
    wait_until(
        "a snapshot is taken after the hanging ones ended",
        lambda: taker.take().history is not None,
        timeout=TIMEOUT,
    )


def test_the_beginning_and_the_end_of_a_problem_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problems = iter(["unreachable", "unreachable", None, None])

    def fill(snapshot: Snapshot) -> None:
        snapshot.problem = next(problems)

    metrics = Metrics(SnapshotTaker(fill, TIMEOUT))
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            format_metrics(metrics)
    assert caplog.messages == [
        "Metrics are incomplete: unreachable",
        "Metrics are complete again.",
    ]


def test_a_port_in_use_is_reported() -> None:
    metrics = Metrics(SnapshotTaker(fill_completely, 1))
    with MetricsServer(LOOPBACK, metrics) as server, pytest.raises(MetricsError) as refused:
        MetricsServer(server.address, metrics)
    assert f"annot serve metrics on 127.0.0.1:{server.address.port}: " in str(refused.value)


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    path = tmp_path / "ouspark.prom"
    path.write_text("old")
    with path.open() as old:
        write_metrics(Metrics(SnapshotTaker(fill_completely, TIMEOUT)), path)
        assert old.read() == "old"
    assert path.read_text().endswith("\n")
    assert "ouspark_up 1.0" in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "no" / "ouspark.prom"
    with pytest.raises(MetricsError, match="No such file or directory"):
        write_metrics(Metrics(SnapshotTaker(fill_completely, TIMEOUT)), path)
