"""How a run of Dagster ends for whoever started it with a command."""

import os
import signal
import sqlite3

import dagster as dg
import pytest

from ouspark_assets.cli.graph_runs import Graph, GraphRun, require_success
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.step_errors import describe_storage_failure

pytestmark = pytest.mark.usefixtures("only_development")


@dg.asset
def interrupted() -> None:
    """What somebody presses Ctrl-C at."""
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_no_failure_of_the_step_at_work(instance: dg.DagsterInstance) -> None:
    graph = Graph(dg.Definitions(assets=[interrupted]), instance)
    with pytest.raises(KeyboardInterrupt):
        graph.materialize([interrupted.key])


@dg.asset
def recorded_on_a_full_disk() -> None:
    """What Dagster can't record the end of."""
    message = "disk I/O error"
    raise sqlite3.OperationalError(message)


@dg.resource
def without_key(_: dg.InitResourceContext) -> None:
    """What is never there."""
    message = "the key is missing"
    raise ValueError(message)


@dg.asset(required_resource_keys={"without_key"})
def locked() -> None:
    """What never begins."""


def test_records_that_can_not_be_written_are_no_fault_of_a_step(
    instance: dg.DagsterInstance,
) -> None:
    asset = recorded_on_a_full_disk
    run = Graph(dg.Definitions(assets=[asset]), instance).materialize([asset.key])
    assert run.problems == (describe_storage_failure("disk I/O error"),)


def test_why_a_run_failed_that_never_came_to_a_step_is_said(instance: dg.DagsterInstance) -> None:
    definitions = dg.Definitions(assets=[locked], resources={"without_key": without_key})
    run = Graph(definitions, instance).materialize([locked.key])
    assert run.problems == (
        "Dagster: ValueError: the key is missing (the traceback is in the run's log)",
    )


def test_what_fails_several_steps_is_said_once_and_ends_with_a_full_stop() -> None:
    problems = ("The cache is gone.", "The lake is damaged: mend it", "The cache is gone.")
    with pytest.raises(OuSparkError) as raised:
        require_success(GraphRun("1234", succeeded=False, problems=problems, metadata={}))
    assert str(raised.value).startswith(
        "The cache is gone; The lake is damaged: mend it. Completed work is kept"
    )
