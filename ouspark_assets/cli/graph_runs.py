"""Running parts of the graph in this process, on the instance that the UI shows.

What to run and what to say about it is `run.py`; here is how Dagster is asked, and how its
failures become one line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg

from ouspark_assets.cli.output import show_notice
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.logging import dagster_level
from ouspark_assets.orchestration.executors.ownership import own_run, reap_dead_runs
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY, RESULT_PAGES
from ouspark_assets.orchestration.step_errors import (
    describe_storage_failure,
    find_root_error,
    is_expected,
    summarize,
)
from ouspark_assets.settings import load_settings

# Nobody else keeps anything in SQLite.
RECORDS = "sqlite3."
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
    """The definitions on an instance."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    verbose: bool = False

    @property
    def per_release(self) -> list[dg.AssetKey]:
        """The assets that are materialized release by release."""
        graph = self.definitions.resolve_asset_graph()
        return [key for key in graph.materializable_asset_keys if graph.get(key).is_partitioned]

    @property
    def from_all_releases(self) -> list[dg.AssetKey]:
        """The assets that follow from all releases together, up to the cache."""
        graph = self.definitions.resolve_asset_graph()
        apart = {*self.per_release, RELEASE_INDEX_KEY}
        return [key for key in graph.materializable_asset_keys if key not in apart]

    def bring_in(self, release: str, config: Mapping[str, Any] | None = None) -> GraphRun:
        """Scrape and load a release."""
        return succeeded(self.materialize(self.per_release, release, config), release)

    def reload(self, release: str) -> GraphRun:
        """Load a release again from the lake, without asking the site."""
        assets = [key for key in self.per_release if key != RESULT_PAGES]
        return succeeded(self.materialize(assets, release), release)

    def follow_up(self) -> GraphRun:
        """Compute, publish and prewarm what follows from all that is loaded."""
        return succeeded(self.materialize(self.from_all_releases))

    def materialize(
        self,
        assets: Sequence[dg.AssetKey],
        partition: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> GraphRun:
        """Materialize these assets, and run their checks, in one run."""
        settings = load_settings()
        level = dagster_level(settings.logging, verbose=self.verbose)
        job = self.definitions.resolve_implicit_global_asset_job_def()
        run_id = str(uuid4())
        reap_dead_runs(self.instance, settings)
        with own_run(run_id, settings, show_notice):
            result = job.execute_in_process(
                run_id=run_id,
                instance=self.instance,
                asset_selection=list(assets),
                partition_key=partition,
                run_config={
                    "loggers": {"console": {"config": {"log_level": level}}},
                    "ops": dict(config or {}),
                },
                raise_on_error=False,
            )
        if _was_interrupted(result):
            raise KeyboardInterrupt
        return GraphRun(result.run_id, result.success, tuple(_problems(result)), _metadata(result))


def succeeded(run: GraphRun, release: str | None = None) -> GraphRun:
    """The run, if it succeeded; else its problems as one error."""
    if run.succeeded:
        return run
    where = f"Release {release}: " if release else ""
    # A server that is gone fails every step that needs it, each with the same words.
    problems = "; ".join(dict.fromkeys(problem.rstrip(".") for problem in run.problems))
    message = (
        f"{where}{problems}. What is done is kept, and running again goes on from here "
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


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether somebody pressed Ctrl-C, which Dagster takes for a failure of the step at work."""
    return any(
        event.is_step_failure
        and event.step_failure_data.error is not None
        and find_root_error(event.step_failure_data.error).cls_name == INTERRUPTION
        for event in result.all_events
    )


def _problems(result: dg.ExecuteInProcessResult) -> list[str]:
    """What failed, each in one line, the causes only: skipped steps say nothing."""
    failed_checks = [
        f"Check {check.check_name} of {check.asset_key.to_user_string()} failed"
        + _counted(check.metadata)
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    failures = [
        _root_cause(event.step_failure_data.error, event.step_key)
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.error is not None
    ]
    others = [failure for failure in failures if "DagsterAssetCheckFailedError" not in failure]
    nothing = "" if result.success else f"Run {result.run_id} failed"
    return [*failed_checks, *others] or list(_beside_the_steps(result)) or [nothing]


def _beside_the_steps(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Why a run failed that no step failed of: Dagster could not go on itself."""
    for event in result.all_events:
        if event.is_run_failure and event.job_failure_data.error is not None:
            yield _root_cause(event.job_failure_data.error, "Dagster")


def _counted(metadata: Mapping[str, Any]) -> str:
    broken = metadata.get("broken rules")
    if broken is None:
        return ""
    rules = (f"{row.data['column']}: {row.data['rule']}" for row in broken.records[:3])
    return f" ({'; '.join(rules)})"


def _root_cause(error: Any, step: str | None) -> str:
    """An error of ours as it stands, any other with its step and class."""
    error = find_root_error(error)
    said = summarize(error)
    if said.startswith(RECORDS):
        return describe_storage_failure(said.partition(": ")[2])
    return said if is_expected(error) else f"{step}: {said} (the traceback is in the run's log)"
