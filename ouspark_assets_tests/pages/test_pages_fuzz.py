"""Damaged pages raise no error, give no other student's rows, and lose no record silently."""

from collections import Counter

import polars as pl
import pytest

from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS
from ouspark_assets_tests.pages.mutations import damage_page
from ouspark_assets_tests.pages.page_builder import RELEASE, pages_of

BATCH_SIZE = 1_000
TABLES = (APPEARANCES, RESULTS, MARKS)


def assert_sound(batch: CleanBatch, bodies: dict[str, bytes]) -> None:
    for table in TABLES:
        frame = getattr(batch, table.name)
        table.rules.validate(frame, lazy=True)
        for ticket in frame["hall_ticket"].unique():
            assert ticket.encode() in bodies[ticket], "a row whose hall ticket is not on its page"
    rejected = batch.rejected
    assert rejected["reasons"].list.len().min() != 0
    assert not rejected["raw"].str.contains("\0", literal=True).any()
    quarantined = Counter(rejected["table_name"].to_list())
    for name, found, accepted, collapsed, out in batch.accounting.rows():
        assert found == accepted + collapsed + out
        assert out == quarantined[name]
        assert name == "pages" or accepted == getattr(batch, name).height
    whole = set(rejected.filter(table_name="pages")["hall_ticket"])
    seen = set(batch.appearances["hall_ticket"]) | set(
        rejected.filter(table_name="appearances")["hall_ticket"]
    )
    assert whole | seen == set(bodies)
    assert not whole & seen


def clean_damaged_pages(first: int, last: int) -> pl.DataFrame:
    """Clean the damaged pages of these seeds and return the number of records by outcome."""
    accounts = []
    for begin in range(first, last, BATCH_SIZE):
        bodies = dict(damage_page(seed) for seed in range(begin, min(last, begin + BATCH_SIZE)))
        batch = clean_pages(RELEASE, pages_of(*bodies.items()))
        assert_sound(batch, bodies)
        accounts.append(batch.accounting)
    return pl.concat(accounts).group_by("table_name").agg(pl.exclude("table_name").sum())


@pytest.mark.parametrize("part", range(2))
def test_five_thousand_damaged_pages(part: int) -> None:
    account = clean_damaged_pages(part * 2_500, (part + 1) * 2_500)
    # Both outcomes must occur: if every page were accepted, or every page quarantined, the test
    # would prove nothing.
    assert (account["accepted"] > 0).all()
    assert (account["quarantined"] > 0).all()


@pytest.mark.full
@pytest.mark.parametrize("part", range(20))
def test_two_hundred_thousand_damaged_pages(part: int) -> None:
    clean_damaged_pages(10_000 * (part + 1), 10_000 * (part + 2))
