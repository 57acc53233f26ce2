import pytest

from ouspark_assets.operations.explain.availability import (
    PublishedVersion,
    explain_absence,
    find_in_production,
)

TICKET = "160421733001"


NOT_PUBLISHED_YET = (
    "not published yet as shown here: publication 3 is older, the next run publishes it"
)


def publication(number: int, version: int, **more: object) -> PublishedVersion:
    facts = {"database": "dev", "restores": None, **more}
    return PublishedVersion(number=number, version=version, **facts)  # type: ignore[arg-type]


def test_the_first_publication_since_the_last_change_is_found() -> None:
    known = [publication(3, 30), publication(2, 20), publication(1, 10)]
    found = find_in_production(known, "dev", 15)
    assert (found.publication, found.since) == (3, 2)
    assert found.sentence == "publication 3, unchanged since publication 2"


def test_a_change_after_the_newest_publication_is_not_published_yet() -> None:
    found = find_in_production([publication(3, 30)], "dev", 31)
    assert (found.publication, found.since) == (3, None)
    assert found.sentence == NOT_PUBLISHED_YET


def test_a_publication_of_another_database_is_not_comparable() -> None:
    found = find_in_production([publication(3, 30, database="old")], "dev", 1)
    assert (found.publication, found.since) == (3, None)
    assert found.sentence == NOT_PUBLISHED_YET


def test_a_rollback_is_mentioned() -> None:
    found = find_in_production([publication(4, 10, restores=1), publication(3, 30)], "dev", 5)
    assert found.sentence == (
        "publication 4 rolled back to publication 1, so readers have the data of that publication"
    )


def test_without_a_publication_nothing_has_been_published() -> None:
    assert find_in_production([], "dev", 5).sentence == "nothing has been published yet"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, "never requested"),
        (
            {"a": "not_found", "b": "no_change"},
            "has no result of this hall ticket in the releases requested (a, b)",
        ),
        ({"a": "not_found", "b": "failed"}, "failed to answer (b)"),
        ({"a": "failed", "b": "found"}, "the lake has a page of it (b)"),
    ],
)
def test_the_absence_of_a_ticket_is_explained_by_its_outcomes_in_the_lake(
    answers: dict[str, str], expected: str
) -> None:
    assert expected in explain_absence(TICKET, answers, forgotten=False)


def test_for_a_forgotten_ticket_no_other_reason_is_given() -> None:
    assert "was forgotten" in explain_absence(TICKET, {"a": "found"}, forgotten=True)


def test_a_ticket_with_a_sentence_instead_of_a_result_is_explained_by_it() -> None:
    explained = explain_absence(
        "160421733001",
        {"a": "not_found", "b": "no_result"},
        forgotten=False,
        sentences={"b": "Exam Fee Not Paid"},
    )
    assert 'the site says something else instead (b: "Exam Fee Not Paid")' in explained
    assert "--recheck" in explained
