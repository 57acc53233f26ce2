"""What Dagster's own records know of failures: runs, asset checks, the latest scrapes.

They are there when the development database is not. What is told of them is `alerts/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from ouspark_assets.operations.alerts.facts import FailedCheck, FailedRun, Scrape
from ouspark_assets.orchestration.checks.check_results import latest_results
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import RELEASE_PARTITIONS_NAME, releases_of_run
from ouspark_assets.orchestration.step_errors import find_root_error, summarize

MOST_FAILED_RUNS = 50
MOST_SCRAPES = 200
LOOKED_BACK = timedelta(days=30)
MOST_SAID = 3
FAILED_FOR_A_CHECK = "DagsterAssetCheckFailedError"
# Every ticket of a release was asked now, or is archived.
TICKETS = ("found", "not found", "no change", "failed", "archived before")


@dataclass(frozen=True)
class _Failure:
    """A step of a run that failed, or a run that was ended without one."""

    step: str | None
    error: str
    is_check: bool = False


def failed_runs(instance: dg.DagsterInstance) -> list[FailedRun]:
    """The failed runs that nothing made up for: of each asset and release the latest."""
    found: dict[tuple[str, str | None], FailedRun] = {}
    registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.now(UTC) - LOOKED_BACK
        ),
        limit=MOST_FAILED_RUNS,
    )
    for record in records:
        failed = _failed_run(instance, record, registered)
        if failed is not None:
            found.setdefault((failed.name, failed.release), failed)
    return list(found.values())


def failed_checks(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> list[FailedCheck]:
    """The checks whose latest result is a failure."""
    return [
        FailedCheck(
            asset=key.asset_key.to_user_string(),
            check=key.name,
            is_error=result.evaluation.severity is dg.AssetCheckSeverity.ERROR,
            run_id=result.run_id,
            at=datetime.fromtimestamp(result.timestamp, UTC),
            summary=_said(result.evaluation),
        )
        for key, result in latest_results(instance, keys).items()
        if not result.evaluation.passed
    ]


def scrapes(instance: dg.DagsterInstance) -> list[Scrape]:
    """The latest scrape of each release, of the last scrapes."""
    latest: dict[str, Scrape] = {}
    for record in instance.fetch_materializations(RESULT_PAGES, limit=MOST_SCRAPES).records:
        done = record.asset_materialization
        if done is None or done.partition is None or done.partition in latest:
            continue
        counts = {name: value.value for name, value in done.metadata.items()}
        latest[done.partition] = Scrape(
            release=done.partition,
            run_id=record.run_id,
            at=datetime.fromtimestamp(record.timestamp, UTC),
            tickets=sum(_number(counts.get(name)) for name in TICKETS),
            failed=_number(counts.get("failed")),
        )
    return list(latest.values())


def _failed_run(
    instance: dg.DagsterInstance, record: dg.RunRecord, registered: Sequence[str]
) -> FailedRun | None:
    """What a failed run failed at; None when it was made up for, or failed for a check alone."""
    run, ended = record.dagster_run, record.end_time or record.update_timestamp.timestamp()
    planned, failures = _events(instance, run.run_id)
    told = [it for it in failures if not it.is_check]
    if failures and not told:
        return None
    first = told[0] if told else _Failure(None, "it was killed, or could not begin")
    asset = planned.get(first.step or "") or next(iter(planned.values()), None)
    releases = list(releases_of_run(run, registered))
    if _is_made_up_for(instance, _Attempt(run.job_name, asset, releases, ended)):
        return None
    return FailedRun(
        name=asset.to_user_string() if asset else first.step or run.job_name,
        release=" to ".join(dict.fromkeys((releases[0], releases[-1]))) if releases else None,
        run_id=run.run_id,
        error=first.error,
        at=datetime.fromtimestamp(ended, UTC),
        other_failures=max(len(told) - 1, 0),
    )


def _events(
    instance: dg.DagsterInstance, run_id: str
) -> tuple[dict[str, dg.AssetKey], list[_Failure]]:
    """The first asset of every step that was planned and did not succeed, and what failed."""
    kinds = dg.DagsterEventType
    planned: dict[str, dg.AssetKey] = {}
    failures: list[_Failure] = []
    wanted = {kinds.ASSET_MATERIALIZATION_PLANNED, kinds.STEP_SUCCESS, kinds.STEP_FAILURE}
    for record in instance.get_records_for_run(run_id, of_type=wanted).records:
        event = record.event_log_entry.dagster_event
        if event is None or event.step_key is None:
            continue
        if event.event_type is kinds.ASSET_MATERIALIZATION_PLANNED and event.asset_key:
            planned.setdefault(event.step_key, event.asset_key)
        elif event.event_type is kinds.STEP_SUCCESS:
            planned.pop(event.step_key, None)
        elif event.event_type is kinds.STEP_FAILURE:
            failures.append(_failure(event.step_key, event.step_failure_data.error))
    return planned, failures


def _failure(step: str, error: Any) -> _Failure:
    """What made a step fail, in one line."""
    if error is None:
        return _Failure(step, "it did not say why")
    error = find_root_error(error)
    return _Failure(step, summarize(error), is_check=error.cls_name == FAILED_FOR_A_CHECK)


@dataclass(frozen=True)
class _Attempt:
    """What a run was to do and did not."""

    job: str
    asset: dg.AssetKey | None
    releases: Sequence[str]
    ended: float


def _is_made_up_for(instance: dg.DagsterInstance, attempt: _Attempt) -> bool:
    """Whether the asset was materialized since, for all releases; or the job succeeded since."""
    if attempt.asset is None:
        succeeded = instance.get_run_records(
            dg.RunsFilter(job_name=attempt.job, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1
        )
        return any((it.end_time or 0) > attempt.ended for it in succeeded)
    wanted = dg.AssetRecordsFilter(
        attempt.asset,
        asset_partitions=list(attempt.releases) or None,
        after_timestamp=attempt.ended,
    )
    done = instance.fetch_materializations(wanted, limit=max(len(attempt.releases), 1) * 2).records
    return bool(done) and set(attempt.releases) <= {it.partition_key for it in done}


def _said(evaluation: dg.AssetCheckEvaluation) -> str:
    """What a check found, in a few words: its description, counts, releases and rules."""
    parts = [evaluation.description] if evaluation.description else []
    for name, value in evaluation.metadata.items():
        said = _words(value)
        if said:
            parts.append(f"{name}: {said}")
    return "; ".join(parts[:MOST_SAID])


def _words(value: dg.MetadataValue[Any]) -> str:
    """A number, a list of texts, or the columns and rules of a table; anything else is left out."""
    if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue):
        return f"{value.value}"
    if isinstance(value, dg.TableMetadataValue):
        rules = ((row.data.get("column"), row.data.get("rule")) for row in value.records)
        named = [f"{column}: {rule}" for column, rule in rules if rule]
        return ", ".join(named[:MOST_SAID])
    if isinstance(value, dg.JsonMetadataValue) and isinstance(value.data, list):
        return ", ".join(it for it in value.data[:MOST_SAID] if isinstance(it, str))
    return ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
