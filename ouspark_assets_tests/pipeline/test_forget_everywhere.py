"""Forgetting a student of a published pipeline: afterwards no store contains the hall ticket."""

from contextlib import nullcontext

import pytest

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.pipeline.forget import ForgottenStudent, forget_after_publication
from ouspark_assets.schemas import PIPELINE_TABLES
from ouspark_assets.warehouse.student_rows import delete_in_development
from ouspark_assets_tests.support.stores import TICKETS, StoreAddresses, Stores
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
