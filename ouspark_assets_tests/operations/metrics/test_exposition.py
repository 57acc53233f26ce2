"""Metrics over real HTTP, and into a file."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ouspark_assets.domain.errors import MetricsError
from ouspark_assets.operations.metrics.exposition import (
    Address,
    Metrics,
    MetricsServer,
    text,
    write,
)
from ouspark_assets.operations.metrics.reading import MOST_HANGING, Fill, Reader, Reading
from ouspark_assets_tests.operations.metrics.facts import everything

LOOPBACK = Address("127.0.0.1", 0)
PATIENCE_SECONDS = 30


def known(reading: Reading) -> None:
    vars(reading).update(vars(everything()))


@contextmanager
def served(fill: Fill, seconds: float = PATIENCE_SECONDS) -> Iterator[str]:
    with MetricsServer(LOOPBACK, Metrics(Reader(fill, seconds))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{server.address}"
        server.shutdown()
        thread.join(PATIENCE_SECONDS)


@contextmanager
def hanging() -> Iterator[tuple[Fill, threading.Event]]:
    """A reading that knows the checks and then hangs, until the end of the block."""
    over, tried = threading.Event(), threading.Event()

    def fill(reading: Reading) -> None:
        reading.failed_checks = 3
        tried.set()
        over.wait(PATIENCE_SECONDS)
        known(reading)

    yield fill, tried
    over.set()


def test_metrics_are_served_as_text() -> None:
    with served(known) as url:
        answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "ouspark_up 1.0" in answer.text


def test_whoever_prefers_openmetrics_gets_it() -> None:
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    with served(known) as url:
        answer = httpx.get(f"{url}/metrics?x=1", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_nothing_else_is_served() -> None:
    with served(known) as url:
        assert httpx.get(url).status_code == 404
        assert httpx.head(f"{url}/metrics").content == b""
        assert httpx.post(f"{url}/metrics").status_code == 501


def test_every_request_is_a_reading_of_its_own() -> None:
    numbers = iter(range(1, 3))

    def fill(reading: Reading) -> None:
        reading.failed_checks = next(numbers)

    with served(fill) as url:
        for number in (1, 2):
            assert f"ouspark_failed_checks {number}.0" in httpx.get(f"{url}/metrics").text


def test_a_reading_that_hangs_is_an_answer_in_time_with_what_is_known_by_then() -> None:
    with hanging() as (fill, _), served(fill, 0.2) as url:
        answer = httpx.get(f"{url}/metrics", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200
    assert "ouspark_up 0.0" in answer.text
    assert "ouspark_failed_checks 3.0" in answer.text
    assert "ouspark_publication_number" not in answer.text


def test_readings_that_hang_do_not_pile_up() -> None:
    calls: list[None] = []
    with hanging() as (fill, _):

        def counted(reading: Reading) -> None:
            calls.append(None)
            fill(reading)

        reader = Reader(counted, 0.01)
        for _ in range(MOST_HANGING * 2):
            assert reader.read().history is None
        assert len(calls) == MOST_HANGING
    deadline = time.monotonic() + PATIENCE_SECONDS
    while reader.read().history is None:
        assert time.monotonic() < deadline, "it never recovered"


def test_what_is_missing_is_logged_when_it_begins_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problems = iter(["it is away", "it is away", None, None])

    def fill(reading: Reading) -> None:
        reading.problem = next(problems)

    metrics = Metrics(Reader(fill, PATIENCE_SECONDS))
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            text(metrics)
    assert caplog.messages == [
        "Metrics are incomplete: it is away",
        "Metrics are incomplete: not any more",
    ]


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    metrics = Metrics(Reader(known, 1))
    with MetricsServer(LOOPBACK, metrics) as server, pytest.raises(MetricsError) as refused:
        MetricsServer(server.address, metrics)
    assert f"can't be served on 127.0.0.1:{server.address.port}: " in str(refused.value)


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ouspark.prom"
    path.write_text("of before")
    with path.open() as of_before:
        write(Metrics(Reader(known, PATIENCE_SECONDS)), path)
        assert of_before.read() == "of before"
    assert path.read_text().endswith("\n")
    assert "ouspark_up 1.0" in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "no" / "ouspark.prom"
    with pytest.raises(MetricsError, match="No such file or directory"):
        write(Metrics(Reader(known, PATIENCE_SECONDS)), path)
