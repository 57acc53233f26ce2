"""Forgetting a student of a published pipeline: afterwards no store contains the hall ticket."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.pipeline.forget import (
    ForgottenStudent,
    forget_after_publication,
    forget_at_source,
)
from ouspark_assets.schemas import PIPELINE_TABLES
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.forgotten_tickets import ListKey
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Side, connected, fetch_value
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publication_transaction
from ouspark_assets.warehouse.student_rows import delete_from_history, delete_in_development
from ouspark_assets_tests.support.stores import RELEASE, TICKETS, StoreAddresses, Stores
from ouspark_assets_tests.support.waiting import wait_until_blocked
from ouspark_assets_tests.test_secrets import everything_in

TICKET, OTHER = TICKETS[:2]


def forget_the_rest(stores: Stores) -> ForgottenStudent:
    removed = ForgottenStudent()
    forget_after_publication(
        lambda _: nullcontext(stores.development),
        lambda _: nullcontext(stores.production),
        lambda: nullcontext(stores.client),
        TICKET,
        removed,
    )
    return removed


def test_after_the_next_publication_no_store_contains_the_ticket(
    stores: Stores, store_addresses: StoreAddresses
) -> None:
    for number in (1, 2):
        stores.load(number)
        stores.publish()
    stores.prewarm()
    delete_in_development(stores.development, PIPELINE_TABLES, TICKET, "cli")
    with pytest.raises(OuSparkError, match="Production still has rows of this student in clean"):
        forget_the_rest(stores)
    stores.publish()
    removed = forget_the_rest(stores)
    # A student and twenty marks: replaced by publication 2, removed by publication 3.
    assert removed.history == 42
    # The student and the class.
    assert removed.cached == 2
    for dsn in (store_addresses.databases.development, store_addresses.databases.production):
        stored = everything_in(dsn)
        assert OTHER in stored
        assert TICKET not in stored
    keys = list(stores.client.scan_iter(match="ouspark:*"))
    values = [stores.client.get(key) or b"" for key in keys if key != b"ouspark:generations"]
    assert not any(TICKET.encode() in text for text in (*keys, *values))
    assert any(OTHER.encode() in text for text in values)


def test_nothing_is_removed_from_the_lake_while_a_release_is_scraped(
    store_addresses: StoreAddresses, tmp_path: Path
) -> None:
    archive = PageArchive(str(tmp_path / "lake"), ListKey(tmp_path / "key"))
    now = datetime.now(UTC)
    archive.write(RELEASE, [ArchivedAnswer(TICKET, Outcome.FOUND, 200, now, 1, 1, b"a page")])
    dsn = store_addresses.databases.development

    def forget() -> None:
        with connected(dsn, Side.DEVELOPMENT, "second") as development:
            forget_at_source(development, archive, TICKET, 60, notices.append)

    notices: list[str] = []
    second = Thread(target=forget)
    with (
        connected(dsn, Side.DEVELOPMENT, "first") as first,
        connected(dsn, Side.DEVELOPMENT, "observer") as observer,
    ):
        with exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"):
            second.start()
            wait_until_blocked(observer, "second", second)
            assert archive.answers(RELEASE)["hall_ticket"].to_list() == [TICKET]
        second.join()
    assert archive.answers(RELEASE).is_empty()
    (notice,) = notices
    assert notice.startswith("Forgetting is waiting for 'first'")


def test_nothing_is_removed_from_the_history_while_a_publication_is_made(
    stores: Stores, store_addresses: StoreAddresses
) -> None:
    for number in (1, 2):
        stores.load(number)
        stores.publish()
    dsn = store_addresses.databases.production

    def count_history() -> int:
        query = "SELECT count(*) FROM ops.publication_changes WHERE key ->> 'hall_ticket' = %s"
        count: int = fetch_value(stores.production, query, (TICKET,))
        return count

    def remove() -> None:
        with connected(dsn, Side.PRODUCTION, "second") as production:
            delete_from_history(production, TICKET)

    second = Thread(target=remove)
    with connected(dsn, Side.PRODUCTION, "first") as first:
        with publication_transaction(first, Terms()):
            second.start()
            wait_until_blocked(stores.production, "second", second)
            assert count_history() == 21
        second.join()
    assert count_history() == 0
