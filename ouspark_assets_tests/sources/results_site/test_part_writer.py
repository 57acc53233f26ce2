"""Answers are collected and written to the lake as parts; an answer is never lost."""

from datetime import UTC, datetime

import pytest

from ouspark_assets.domain.errors import LakeError
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.part_writer import PartWriter
from ouspark_assets_tests.sources.results_site.small_site import RELEASE, sentence_page

TICKETS = [f"160424733{serial:03d}" for serial in range(1, 6)]


def answer(ticket: str) -> ArchivedAnswer:
    page, now = sentence_page(ticket), datetime.now(UTC)
    return ArchivedAnswer(ticket, Outcome.NOT_FOUND, 200, now, 1, 10, page)


async def test_a_part_is_written_whenever_enough_answers_have_been_collected(
    archive: PageArchive,
) -> None:
    writer = PartWriter(archive, RELEASE, rows=2)
    for ticket in TICKETS[:2]:
        writer.add(answer(ticket))
    await writer.close()
    assert archive.answers(RELEASE)["hall_ticket"].to_list() == TICKETS[:2]
    assert writer.parts == 1


async def test_answers_that_could_not_be_written_are_written_at_the_end(
    archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, write, failures = "the lake is full", PageArchive.write, [1]

    def write_after_a_failure(self: PageArchive, release: str, answers: object) -> str:
        if failures:
            failures.pop()
            raise LakeError(message)
        return write(self, release, answers)

    monkeypatch.setattr(PageArchive, "write", write_after_a_failure)
    writer = PartWriter(archive, RELEASE, rows=2)
    for ticket in TICKETS:
        writer.add(answer(ticket))
    await writer.close()
    assert failures == []
    assert archive.answers(RELEASE)["hall_ticket"].to_list() == TICKETS
