"""How a run of Dagster ends for whoever started it with a command."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.cli.graph_runs import Graph, GraphRun, succeeded
from ouspark_assets.errors import OuSparkError


@pytest.fixture
def instance(
    tmp_path: Path, development_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("OUSPARK_DEV_DSN", development_dsn)
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dg.asset
def interrupted() -> None:
    """What somebody presses Ctrl-C at."""
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_no_failure_of_the_step_at_work(instance: dg.DagsterInstance) -> None:
    graph = Graph(dg.Definitions(assets=[interrupted]), instance)
    with pytest.raises(KeyboardInterrupt):
        graph.materialize([interrupted.key])


def test_what_fails_several_steps_is_said_once_and_ends_with_a_full_stop() -> None:
    problems = ("The cache is gone.", "The lake is damaged: mend it", "The cache is gone.")
    with pytest.raises(OuSparkError) as raised:
        succeeded(GraphRun("1234", succeeded=False, problems=problems, metadata={}))
    assert str(raised.value).startswith(
        "The cache is gone; The lake is damaged: mend it. What is done is kept"
    )
