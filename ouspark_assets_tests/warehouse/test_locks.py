import pytest

from ouspark_assets.errors import WarehouseError
from ouspark_assets.warehouse.connection import Side, connected
from ouspark_assets.warehouse.locks import scraping


def test_a_second_scrape_of_a_release_says_who_does_it(development_dsn: str) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT, "ouspark scrape 20250402 (run 1a2b)") as first,
        connected(development_dsn, Side.DEVELOPMENT, "ouspark scrape 20250402 (run 3c4d)") as other,
        scraping(first, "20250402"),
        pytest.raises(
            WarehouseError, match=r"20250402 is being scraped already by .*run 1a2b"
        ) as it,
        scraping(other, "20250402"),
    ):
        pass
    assert "\n" not in str(it.value)


def test_another_release_may_be_scraped_at_the_same_time(development_dsn: str) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as first,
        connected(development_dsn, Side.DEVELOPMENT) as other,
        scraping(first, "20250402"),
        scraping(other, "20250403"),
    ):
        pass


def test_a_scraper_that_is_gone_holds_nothing(development_dsn: str) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as other,
        connected(development_dsn, Side.DEVELOPMENT) as first,
        scraping(first, "20250402"),
    ):
        row = first.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (row[0],))
        with scraping(other, "20250402"):
            pass
        first.close()
