"""The sequence of events: the seed's, and every kind in its turn."""

from itertools import islice

from ouspark_assets_tests.chaos.events import EVENTS
from ouspark_assets_tests.chaos.steps import Kind, steps

MANY = 5 * len(Kind)


def test_a_seed_always_makes_the_same_events_and_another_one_others() -> None:
    assert list(islice(steps(7), MANY)) == list(islice(steps(7), MANY))
    assert list(islice(steps(7), MANY)) != list(islice(steps(8), MANY))


def test_every_kind_comes_before_any_comes_again() -> None:
    kinds = [step.kind for step in islice(steps(3), MANY)]
    for begin in range(0, MANY, len(Kind)):
        assert set(kinds[begin : begin + len(Kind)]) == set(Kind)


def test_only_the_kinds_that_are_asked_for_come() -> None:
    asked = (Kind.DISK_FULL, Kind.TWO_RUNS)
    assert {step.kind for step in islice(steps(3, asked), 20)} == set(asked)


def test_every_kind_can_happen() -> None:
    assert set(EVENTS) == set(Kind)
