"""Which of an error and its causes is told."""

import dagster as dg
import pytest

from ouspark_assets.domain.errors import OuSparkError, WarehouseError
from ouspark_assets.orchestration.step_errors import find_root_error, is_expected, summarize


class OfALaterRoomError(WarehouseError):
    """An error of ours that `errors.py` does not know."""


def failed_with(raising: object) -> object:
    """What Dagster keeps of a step that raised."""

    @dg.op
    def fail() -> None:
        raising()  # type: ignore[operator]

    @dg.job
    def failing() -> None:
        fail()

    done = failing.execute_in_process(raise_on_error=False)
    (failure,) = done.get_step_failure_events()
    return failure.step_failure_data.error


def from_a_cause() -> None:
    try:
        message = "server closed the connection\nwith details"
        raise ConnectionError(message)
    except ConnectionError as error:
        message = "Publishing was cut short: readers still see a whole publication."
        raise OfALaterRoomError(message) from error


def plainly() -> None:
    message = "list index out of range"
    raise IndexError(message)


def test_our_clear_line_is_told_and_not_what_it_stands_for() -> None:
    error = find_root_error(failed_with(from_a_cause))
    assert is_expected(error)
    said = "Publishing was cut short: readers still see a whole publication."
    assert summarize(error) == said


def test_a_fault_of_the_program_is_told_with_its_class() -> None:
    error = find_root_error(failed_with(plainly))
    assert not is_expected(error)
    assert summarize(error) == "IndexError: list index out of range"


@pytest.mark.parametrize("kind", [OuSparkError, WarehouseError, OfALaterRoomError])
def test_every_error_of_ours_is_known_as_such(kind: type[Exception]) -> None:
    def fail() -> None:
        raise kind(kind.__name__)

    assert is_expected(find_root_error(failed_with(fail)))
