"""Which of an error and its causes is reported, and in which words."""

import dagster as dg
import pytest

from ouspark_assets.domain.errors import OuSparkError, WarehouseError
from ouspark_assets.orchestration.assets.analytics import aggregates
from ouspark_assets.orchestration.assets.production import publication
from ouspark_assets.orchestration.checks.models import create_model_check
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.orchestration.step_errors import find_root_error, is_expected, summarize
from ouspark_assets.schemas.analytics import STANDINGS


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


@pytest.mark.parametrize(
    "step",
    [
        publication,
        next(one for one in aggregates if one.key == key_of(STANDINGS)),
        create_model_check(STANDINGS),
    ],
    ids=["an asset", "a computed table", "a check"],
)
def test_the_page_of_a_failed_run_shows_what_happened_without_its_secret(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    step: dg.AssetsDefinition | dg.AssetChecksDefinition,
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://me:hunter2@127.0.0.1:1/none")
    is_check = isinstance(step, dg.AssetChecksDefinition)
    definitions = dg.Definitions(
        assets=[] if is_check else [step],
        asset_checks=[step] if is_check else [],
        resources=default_resources(),
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = done.get_step_failure_events()
    shown = failure.step_failure_data.user_failure_data.description
    assert shown.startswith("The development database can't be reached: ")
    assert shown.endswith("Start it or correct OUSPARK_DEV_DSN, then run again.")
    assert shown in failure.step_failure_data.error.message
    assert "hunter2" not in failure.step_failure_data.error.to_string()
