"""What a command reports when a run of Dagster is interrupted or fails."""

import os
import signal
import sqlite3

import dagster as dg
import pytest

from ouspark_assets.cli.graph_runs import (
    Graph,
    GraphRun,
    find_runs_of_command,
    require_success,
)
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.step_errors import describe_storage_failure
from ouspark_assets.settings import load_settings
from ouspark_assets_tests.orchestration.executors.test_ownership import (
    kill_after_locking,
    started_run,
    status_of,
)

pytestmark = pytest.mark.usefixtures("only_development")


@dg.asset
def interrupted() -> None:
    """Send SIGINT to the process, as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_raised_as_keyboard_interrupt(instance: dg.DagsterInstance) -> None:
    graph = Graph(dg.Definitions(assets=[interrupted]), instance, load_settings(), "ouspark run")
    with pytest.raises(KeyboardInterrupt):
        graph.materialize([interrupted.key])


@dg.asset
def recorded_on_a_full_disk() -> None:
    """Fail as Dagster does when its records can't be written."""
    message = "disk I/O error"
    raise sqlite3.OperationalError(message)


@dg.resource
def without_key(_: dg.InitResourceContext) -> None:
    """Fail to initialize."""
    message = "the key is missing"
    raise ValueError(message)


@dg.asset(required_resource_keys={"without_key"})
def locked() -> None:
    """Never run, because its resource fails."""


def test_records_that_cannot_be_written_are_not_reported_as_a_fault_of_a_step(
    instance: dg.DagsterInstance,
) -> None:
    asset = recorded_on_a_full_disk
    graph = Graph(dg.Definitions(assets=[asset]), instance, load_settings(), "ouspark run")
    run = graph.materialize([asset.key])
    assert run.problems == (describe_storage_failure("disk I/O error"),)


def test_a_run_that_failed_before_its_first_step_is_explained(instance: dg.DagsterInstance) -> None:
    definitions = dg.Definitions(assets=[locked], resources={"without_key": without_key})
    run = Graph(definitions, instance, load_settings(), "ouspark run").materialize([locked.key])
    assert run.problems == (
        "Dagster: ValueError: the key is missing (the traceback is in the run's log)",
    )


@dg.asset
def computed() -> None:
    """Succeed."""


def test_a_run_that_died_is_reported_failed_before_the_next_one(
    instance: dg.DagsterInstance,
) -> None:
    dead = started_run(instance)
    kill_after_locking(dead)
    graph = Graph(dg.Definitions(assets=[computed]), instance, load_settings(), "ouspark run")
    assert graph.materialize([computed.key]).succeeded
    assert status_of(instance, dead) is dg.DagsterRunStatus.FAILURE


def test_a_problem_of_several_steps_is_reported_once() -> None:
    problems = ("The cache is gone.", "The lake is damaged: repair it", "The cache is gone.")
    with pytest.raises(OuSparkError) as raised:
        require_success(GraphRun("1234", succeeded=False, problems=problems, metadata={}))
    assert str(raised.value) == (
        "The cache is gone; The lake is damaged: repair it. Completed work is kept, and running "
        "again continues from here (run 1234)."
    )


def test_the_runs_of_a_command_name_it_and_belong_together(instance: dg.DagsterInstance) -> None:
    definitions = dg.Definitions(assets=[computed])
    other, this = (
        Graph(definitions, instance, load_settings(), command)
        for command in ("ouspark rebuild", "ouspark run")
    )
    runs = [graph.materialize([computed.key]).run_id for graph in (other, this, this)]
    by_hand = dg.materialize([computed], instance=instance).run_id
    assert set(find_runs_of_command(instance, runs[1])) == set(runs[1:])
    assert find_runs_of_command(instance, runs[0]) == (runs[0],)
    assert find_runs_of_command(instance, by_hand) == (by_hand,)
    assert find_runs_of_command(instance, "cli 1234") == ("cli 1234",)
    launched_by = [run.tags.get("user") for run in instance.get_runs()]
    assert launched_by == [None, "ouspark run", "ouspark run", "ouspark rebuild"]
