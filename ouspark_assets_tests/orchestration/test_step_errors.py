"""Which of an error and its causes is reported, and in which words."""

import dagster as dg
import pytest

from ouspark_assets.domain.errors import OuSparkError, WarehouseError
from ouspark_assets.orchestration.step_errors import find_root_error, is_expected, summarize


class UndeclaredError(WarehouseError):
    """An error of this project that is not declared in `errors.py`."""


def stored_error(raising: object) -> object:
    """Return the error that Dagster stores for a step that raises."""

    @dg.op
    def fail() -> None:
        raising()  # type: ignore[operator]

    @dg.job
    def failing() -> None:
        fail()

    done = failing.execute_in_process(raise_on_error=False)
    (failure,) = done.get_step_failure_events()
    return failure.step_failure_data.error


def raise_with_cause() -> None:
    try:
        message = "server closed the connection\nwith details"
        raise ConnectionError(message)
    except ConnectionError as error:
        message = "Publishing was cut short: readers still see a whole publication."
        raise UndeclaredError(message) from error


def raise_index_error() -> None:
    message = "list index out of range"
    raise IndexError(message)


def test_an_error_of_this_project_is_reported_instead_of_its_cause() -> None:
    error = find_root_error(stored_error(raise_with_cause))
    assert is_expected(error)
    message = "Publishing was cut short: readers still see a whole publication."
    assert summarize(error) == message


def test_a_bug_is_reported_with_its_class() -> None:
    error = find_root_error(stored_error(raise_index_error))
    assert not is_expected(error)
    assert summarize(error) == "IndexError: list index out of range"


@pytest.mark.parametrize("kind", [OuSparkError, WarehouseError, UndeclaredError])
def test_every_error_class_of_this_project_is_expected(kind: type[Exception]) -> None:
    def fail() -> None:
        raise kind(kind.__name__)

    assert is_expected(find_root_error(stored_error(fail)))
