"""The sequence of events is determined by its seed and contains every kind."""

from itertools import islice

from ouspark_assets_tests.chaos.events import EVENTS
from ouspark_assets_tests.chaos.steps import Kind, generate_steps

MANY = 5 * len(Kind)


def test_equal_seeds_give_equal_events_and_different_seeds_different_ones() -> None:
    assert list(islice(generate_steps(7), MANY)) == list(islice(generate_steps(7), MANY))
    assert list(islice(generate_steps(7), MANY)) != list(islice(generate_steps(8), MANY))


def test_every_kind_occurs_before_any_is_repeated() -> None:
    kinds = [step.kind for step in islice(generate_steps(3), MANY)]
    for begin in range(0, MANY, len(Kind)):
        assert set(kinds[begin : begin + len(Kind)]) == set(Kind)


def test_only_the_requested_kinds_occur() -> None:
    requested = (Kind.DISK_FULL, Kind.TWO_RUNS)
    assert {step.kind for step in islice(generate_steps(3, requested), 20)} == set(requested)


def test_every_kind_has_an_event() -> None:
    assert set(EVENTS) == set(Kind)
