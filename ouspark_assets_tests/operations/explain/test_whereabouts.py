import pytest

from ouspark_assets.operations.explain.whereabouts import (
    PublishedState,
    in_production,
    not_in_tables,
)

TICKET = "160421733001"


def publication(number: int, version: int, **more: object) -> PublishedState:
    facts = {"database": "dev", "restores": None, **more}
    return PublishedState(number=number, version=version, **facts)  # type: ignore[arg-type]


def test_the_first_publication_after_the_last_change_is_the_one_since_which_readers_have_it() -> (
    None
):
    known = [publication(3, 30), publication(2, 20), publication(1, 10)]
    found = in_production(known, "dev", 15)
    assert (found.publication, found.since) == (3, 2)
    assert found.sentence == "publication 3, unchanged since publication 2"


def test_a_change_after_the_newest_publication_is_not_published_yet() -> None:
    found = in_production([publication(3, 30)], "dev", 31)
    assert (found.publication, found.since) == (3, None)
    assert "not yet" in found.sentence


def test_a_publication_of_another_database_says_nothing_of_this_one() -> None:
    assert in_production([publication(3, 30, database="old")], "dev", 1).since is None


def test_a_rollback_is_told() -> None:
    found = in_production([publication(4, 10, restores=1), publication(3, 30)], "dev", 5)
    assert found.sentence.startswith("publication 4 brought publication 1 back")


def test_without_a_publication_nothing_is_published() -> None:
    assert in_production([], "dev", 5).sentence == "nothing is published yet"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "never asked for"),
        ({"a": "not_found", "b": "no_change"}, "has no result of it in the releases asked (a, b)"),
        ({"a": "not_found", "b": "failed"}, "failed to answer (b)"),
        ({"a": "failed", "b": "found"}, "the lake has a page of it (b)"),
    ],
)
def test_an_unknown_ticket_is_told_what_the_lake_knows(answers: dict[str, str], says: str) -> None:
    assert says in not_in_tables(TICKET, answers, forgotten=False)


def test_a_forgotten_ticket_is_told_nothing_else() -> None:
    assert "was forgotten" in not_in_tables(TICKET, {"a": "found"}, forgotten=True)
