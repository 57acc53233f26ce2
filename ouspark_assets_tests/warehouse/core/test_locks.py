"""Advisory locks: who waits, what the waiting process prints, and when a lock is released."""

import re
from threading import Thread

import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock

SCRAPE = "ouspark scrape 20250402 (run 1a2b)"
WAITS = r"Scraping is waiting for '.*run 1a2b.*' \(backend \d+, since .*\) to finish\."


def test_a_process_that_may_not_wait_is_told_who_holds_the_lock(development_dsn: str) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT, SCRAPE) as first,
        connected(development_dsn, Side.DEVELOPMENT) as other,
        exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"),
        pytest.raises(WarehouseError, match=r"Scraping waited 0 s for .*run 1a2b") as refused,
        exclusive_lock(other, Lock.SCRAPE, 0, "Scraping"),
    ):
        pass
    assert "\n" not in str(refused.value)


def test_a_waiting_process_prints_the_holder_and_continues_when_the_lock_is_free(
    development_dsn: str,
) -> None:
    order: list[str] = []

    def wait_and_record() -> None:
        with (
            connected(development_dsn, Side.DEVELOPMENT) as other,
            exclusive_lock(other, Lock.SCRAPE, 60, "Scraping", messages.append),
        ):
            order.append("second")

    messages: list[str] = []
    waiting = Thread(target=wait_and_record)
    with (
        connected(development_dsn, Side.DEVELOPMENT, SCRAPE) as first,
        exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"),
    ):
        waiting.start()
        while not messages:
            waiting.join(0.01)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    assert [re.fullmatch(WAITS, line) is not None for line in messages] == [True]


def test_scraping_and_running_do_not_wait_for_each_other(development_dsn: str) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as first,
        connected(development_dsn, Side.DEVELOPMENT) as other,
        exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"),
        exclusive_lock(other, Lock.RUN, 0, "Running"),
    ):
        pass


def test_a_lost_connection_releases_its_lock(development_dsn: str) -> None:
    with connected(development_dsn, Side.DEVELOPMENT) as other:
        with (
            connected(development_dsn, Side.DEVELOPMENT) as first,
            exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"),
        ):
            row = first.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (row[0],))
            with exclusive_lock(other, Lock.SCRAPE, 0, "Scraping"):
                pass
        assert first.broken


def fail() -> None:
    message = "a failure of the block"
    raise ValueError(message)


def test_a_failure_while_holding_the_lock_is_raised_unchanged(development_dsn: str) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as first,
        pytest.raises(ValueError, match="a failure of the block"),
        exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"),
    ):
        fail()
