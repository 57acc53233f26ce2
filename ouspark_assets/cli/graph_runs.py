"""Runs parts of the graph in this process, on the instance that the UI shows.

Starting Dagster and turning its failures into one line belong here. What to run, and what to
print about it, is up to the commands.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import dagster as dg

from ouspark_assets.cli.output import show_notice
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.logging import dagster_level
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.executors.ownership import own_run, reap_dead_runs
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY, RESULT_PAGES
from ouspark_assets.orchestration.step_errors import (
    describe_storage_failure,
    find_root_error,
    is_expected,
    summarize,
)
from ouspark_assets.settings import Settings

# Only Dagster's own records are kept in SQLite.
SQLITE_ERROR_PREFIX = "sqlite3."
# The UI shows the value of this tag of Dagster as what launched a run; without it, and without the
# tags of schedules and sensors, it says "Manually launched".
LAUNCHED_BY_TAG = "user"
# The same for all runs of one command, and for no other run.
COMMAND_TAG = "ouspark/command"
INTERRUPTION = dg.DagsterExecutionInterruptedError.__name__


@dataclass(frozen=True)
class GraphRun:
    """A run of Dagster that has ended."""

    run_id: str
    succeeded: bool
    problems: tuple[str, ...]
    metadata: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Graph:
    """The definitions of assets, and the instance that their runs are recorded on."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    settings: Settings
    command: str
    verbose: bool = False
    command_id: str = field(default_factory=lambda: uuid4().hex[:12])

    @property
    def per_release(self) -> list[dg.AssetKey]:
        """The assets that are materialized release by release."""
        graph = self.definitions.resolve_asset_graph()
        return [key for key in graph.materializable_asset_keys if graph.get(key).is_partitioned]

    @property
    def from_all_releases(self) -> list[dg.AssetKey]:
        """The assets that follow from all releases together, up to the cache."""
        graph = self.definitions.resolve_asset_graph()
        others = {*self.per_release, RELEASE_INDEX_KEY}
        return [key for key in graph.materializable_asset_keys if key not in others]

    def bring_in(self, release: str, config: Mapping[str, Any] | None = None) -> GraphRun:
        """Scrape and load a release."""
        return require_success(self.materialize(self.per_release, release, config), release)

    def reload(self, release: str) -> GraphRun:
        """Load a release again from the lake, without requesting a page."""
        assets = [key for key in self.per_release if key != RESULT_PAGES]
        return require_success(self.materialize(assets, release), release)

    def follow_up(self) -> GraphRun:
        """Compute, publish and prewarm what follows from all loaded releases."""
        return require_success(self.materialize(self.from_all_releases))

    def materialize(
        self,
        assets: Sequence[dg.AssetKey],
        partition: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> GraphRun:
        """Materialize these assets and run their checks, in one run.

        Raises `KeyboardInterrupt` if the run was interrupted by Ctrl-C.
        """
        level = dagster_level(self.settings.logging, verbose=self.verbose)
        job = self.definitions.resolve_implicit_global_asset_job_def()
        run_id = str(uuid4())
        reap_dead_runs(self.instance, self.settings)
        with own_run(run_id, self.settings, show_notice):
            result = job.execute_in_process(
                run_id=run_id,
                instance=self.instance,
                asset_selection=list(assets),
                partition_key=partition,
                tags={LAUNCHED_BY_TAG: self.command, COMMAND_TAG: self.command_id},
                run_config={
                    "loggers": {"console": {"config": {"log_level": level}}},
                    "ops": dict(config or {}),
                },
                raise_on_error=False,
            )
        # Dagster reports Ctrl-C as a failure of the step that was running.
        if any(
            find_root_error(error).cls_name == INTERRUPTION for _, error in _step_errors(result)
        ):
            raise KeyboardInterrupt
        return GraphRun(result.run_id, result.success, tuple(_problems(result)), _metadata(result))


@contextmanager
def open_graph(settings: Settings, command: str) -> Iterator[Graph]:
    """Yield the graph of all assets for a command, on the instance that the UI shows."""
    with dg.DagsterInstance.get() as instance:
        yield Graph(build_definitions(), instance, settings, command)


def find_runs_of_command(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    """Return the runs of the command that a run belongs to, that run included."""
    run = instance.get_run_by_id(run_id)
    command_id = run.tags.get(COMMAND_TAG) if run else None
    if command_id is None:
        return (run_id,)
    same_command = dg.RunsFilter(tags={COMMAND_TAG: command_id})
    return tuple(run.run_id for run in instance.get_runs(same_command))


def require_success(run: GraphRun, release: str | None = None) -> GraphRun:
    """Return the run if it succeeded; otherwise raise its problems as one error."""
    if run.succeeded:
        return run
    prefix = f"Release {release}: " if release else ""
    # A server that is down fails every step that needs it, each with the same words.
    problems = "; ".join(dict.fromkeys(problem.rstrip(".") for problem in run.problems))
    message = (
        f"{prefix}{problems}. Completed work is kept, and running again continues from here "
        f"(run {run.run_id})."
    )
    raise OuSparkError(message)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    return {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.all_events
        if event.is_step_materialization
    }


def _step_errors(result: dg.ExecuteInProcessResult) -> Iterator[tuple[str | None, Any]]:
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            yield event.step_key, event.step_failure_data.error


def _problems(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return what failed, a line each. Only causes are named, not the steps that were skipped."""
    failed_checks = [
        f"Check {check.check_name} of {check.asset_key.to_user_string()} failed"
        + _broken_rules(check.metadata)
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    failures = [_problem_line(error, step) for step, error in _step_errors(result)]
    # A failed blocking check also fails its step.
    others = [line for line in failures if "DagsterAssetCheckFailedError" not in line]
    # If no step failed, Dagster itself could not continue.
    failed_run = [
        _problem_line(event.job_failure_data.error, "Dagster")
        for event in result.all_events
        if event.is_run_failure and event.job_failure_data.error is not None
    ]
    unknown = "" if result.success else f"Run {result.run_id} failed"
    return [*failed_checks, *others] or failed_run or [unknown]


def _broken_rules(metadata: Mapping[str, Any]) -> str:
    broken = metadata.get("broken rules")
    if broken is None:
        return ""
    rules = (f"{row.data['column']}: {row.data['rule']}" for row in broken.records[:3])
    return f" ({'; '.join(rules)})"


def _problem_line(error: Any, step: str | None) -> str:
    """Return our own errors as they are, and any other with its step and class."""
    error = find_root_error(error)
    line = summarize(error)
    if line.startswith(SQLITE_ERROR_PREFIX):
        return describe_storage_failure(line.partition(": ")[2])
    return line if is_expected(error) else f"{step}: {line} (the traceback is in the run's log)"
