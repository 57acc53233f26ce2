"""Loading a release from the lake into tables and quarantine."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ouspark_assets.pipeline.load import LoadResult, load_release
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import MARKS, NO_RESULTS
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.verification import verify
from ouspark_assets.warehouse.quarantine.decisions import (
    QuarantinedRecord,
    RecordFilter,
    correct_record,
    discard_record,
    find_records,
    read_decisions,
)
from ouspark_assets.warehouse.records.loads import (
    find_unbalanced_accounts,
    loaded_fingerprints,
    releases_with_pending_results,
)
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage

PAGE = ResultPage()
WRONG_POINTS = replace(
    PAGE, marks=(("501", "SOFTWARE ENGINEERING", "3", "7", "S"), *PAGE.marks[1:])
)


@pytest.fixture
def lake(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "lake"))


def archive_page(lake: PageArchive, page: ResultPage) -> None:
    """Write a page to the lake, as if it had just been fetched."""
    answer = ArchivedAnswer(TICKET, Outcome.FOUND, 200, datetime.now(UTC), 1, 1, page.body())
    lake.write(RELEASE, [answer])


def load(development: Connection, lake: PageArchive) -> LoadResult:
    loaded = load_release(development, lake, RELEASE, "run")
    assert find_unbalanced_accounts(development, [RELEASE]) == []
    return loaded


def open_records(development: Connection) -> Sequence[QuarantinedRecord]:
    return find_records(development, RecordFilter())


def test_all_rows_of_a_valid_page_are_loaded(development: Connection, lake: PageArchive) -> None:
    archive_page(lake, PAGE)
    loaded = load(development, lake)
    assert (loaded.pages, loaded.rows, loaded.quarantined.open) == (1, 6, 0)


def test_a_load_records_the_fingerprint_of_the_pages_that_it_has_read(
    development: Connection, lake: PageArchive
) -> None:
    for page in (WRONG_POINTS, PAGE):
        archive_page(lake, page)
        assert loaded_fingerprints(development) != {RELEASE: lake.fingerprint(RELEASE)}
        load(development, lake)
        assert loaded_fingerprints(development) == {RELEASE: lake.fingerprint(RELEASE)}


def test_loading_again_writes_nothing(development: Connection, lake: PageArchive) -> None:
    archive_page(lake, WRONG_POINTS)
    load(development, lake)
    (before,) = open_records(development)
    again = load(development, lake)
    assert (again.changed, again.quarantined.new) == (0, 0)
    assert open_records(development) == [before]


def test_a_record_that_breaks_a_rule_is_quarantined_and_the_others_are_loaded(
    development: Connection, lake: PageArchive
) -> None:
    archive_page(lake, WRONG_POINTS)
    load(development, lake)
    (record,) = open_records(development)
    assert (record.release, record.hall_ticket, record.table_name) == (RELEASE, TICKET, "marks")
    assert any("points" in reason for reason in record.reasons)
    assert "SOFTWARE ENGINEERING" in str(record.raw)
    stored = read_table(development, MARKS)["subject_code"].sort()
    assert stored.to_list() == ["405", "552"]


def test_a_corrected_record_is_accepted_by_every_load(
    development: Connection, lake: PageArchive
) -> None:
    archive_page(lake, WRONG_POINTS)
    load(development, lake)
    (record,) = open_records(development)
    correct_record(development, record, {"points": "10"})
    for _ in range(2):
        load(development, lake)
        assert open_records(development) == []
        accepted = read_table(development, MARKS).filter(pl.col("subject_code") == "501")
        assert accepted.select("grade", "points").rows() == [("S", 10)]
    ((_, _, decision, detail),) = read_decisions(development, record.id)
    assert (decision, detail) == ("corrected", {"changes": {"points": "10"}})


def test_a_discarded_record_is_not_reopened(development: Connection, lake: PageArchive) -> None:
    archive_page(lake, WRONG_POINTS)
    load(development, lake)
    (record,) = open_records(development)
    discard_record(development, record, "printed twice")
    load(development, lake)
    assert open_records(development) == []
    (discarded,) = find_records(development, RecordFilter(status="discarded"))
    assert discarded.id == record.id


def test_a_corrected_page_resolves_the_quarantined_record(
    development: Connection, lake: PageArchive
) -> None:
    archive_page(lake, WRONG_POINTS)
    load(development, lake)
    archive_page(lake, PAGE)
    loaded = load(development, lake)
    assert loaded.quarantined.resolved == 1
    assert open_records(development) == []
    assert read_table(development, MARKS).height == 3


def test_an_invalid_page_reopens_a_resolved_record(
    development: Connection, lake: PageArchive
) -> None:
    for page in (WRONG_POINTS, PAGE, WRONG_POINTS):
        archive_page(lake, page)
        load(development, lake)
    (record,) = open_records(development)
    assert record.status == "open"
    assert record.resolved_at is None


def test_a_row_that_is_no_longer_on_the_page_is_removed(
    development: Connection, lake: PageArchive
) -> None:
    archive_page(lake, PAGE)
    load(development, lake)
    archive_page(lake, replace(PAGE, marks=PAGE.marks[:1]))
    load(development, lake)
    assert read_table(development, MARKS)["subject_code"].to_list() == ["501"]


def test_records_are_filtered_by_release_table_and_reason(
    development: Connection, lake: PageArchive
) -> None:
    archive_page(lake, WRONG_POINTS)
    load(development, lake)
    assert (
        len(
            find_records(development, RecordFilter(release=RELEASE, table="marks", reason="POINTS"))
        )
        == 1
    )
    assert find_records(development, RecordFilter(reason="no such reason")) == []
    assert find_records(development, RecordFilter(release="20990101")) == []


SENTENCE = "Exam Fee Not Paid"
ASKED_AT = datetime(2025, 4, 2, 9, tzinfo=UTC)


def archive_sentence(
    lake: PageArchive, ticket: str, sentence: str = SENTENCE, days: int = 0
) -> None:
    """Write an answer without a result to the lake."""
    at = ASKED_AT + timedelta(days=days)
    answer = ArchivedAnswer(ticket, Outcome.NO_RESULT, 200, at, 2, 1, b"page", sentence)
    lake.write(RELEASE, [answer])


def stored_sentences(connection: Connection) -> list[tuple[str, str, datetime]]:
    return read_table(connection, NO_RESULTS)["hall_ticket", "sentence", "asked_at"].rows()


def test_tickets_without_a_result_are_loaded_with_their_sentence_and_published(
    development: Connection, production: Connection, lake: PageArchive
) -> None:
    archive_page(lake, PAGE)
    archive_sentence(lake, "160421733099")
    load(development, lake)
    expected = [("160421733099", SENTENCE, ASKED_AT)]
    assert stored_sentences(development) == expected
    # Their result may still come, so the release is rechecked.
    assert releases_with_pending_results(development, [RELEASE, "other"]) == [RELEASE]
    publish(development, production, PUBLISHED_TABLES, "run", Terms())
    assert stored_sentences(production) == expected
    assert verify(development, production, PUBLISHED_TABLES).is_clean


def test_the_same_sentence_again_changes_nothing_and_another_one_does(
    development: Connection, lake: PageArchive
) -> None:
    archive_sentence(lake, TICKET)
    load(development, lake)
    fingerprint = lake.fingerprint(RELEASE)
    assert loaded_fingerprints(development) == {RELEASE: fingerprint}
    archive_sentence(lake, TICKET, days=1)
    assert lake.fingerprint(RELEASE) == fingerprint
    assert load(development, lake).changed == 0
    assert stored_sentences(development) == [(TICKET, SENTENCE, ASKED_AT)]
    archive_sentence(lake, TICKET, "Withheld", days=2)
    assert lake.fingerprint(RELEASE) != fingerprint
    load(development, lake)
    assert stored_sentences(development) == [(TICKET, "Withheld", ASKED_AT + timedelta(days=2))]


def test_a_student_who_gets_a_result_later_has_no_sentence_any_more(
    development: Connection, production: Connection, lake: PageArchive
) -> None:
    archive_sentence(lake, TICKET)
    load(development, lake)
    publish(development, production, PUBLISHED_TABLES, "run", Terms())
    archive_page(lake, PAGE)
    load(development, lake)
    assert stored_sentences(development) == []
    # A publication is not refused although this table loses all its rows at once.
    publish(development, production, PUBLISHED_TABLES, "run", Terms())
    assert stored_sentences(production) == []


def test_a_release_without_such_answers_keeps_its_fingerprint(lake: PageArchive) -> None:
    archive_page(lake, PAGE)
    digest = hashlib.sha256(PAGE.body()).hexdigest()
    pages = f"hall_ticket,sha256\n{TICKET},{digest}\n"
    assert lake.fingerprint(RELEASE) == hashlib.sha256(pages.encode()).hexdigest()
