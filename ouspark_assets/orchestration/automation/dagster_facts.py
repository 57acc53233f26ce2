"""Reads failed runs, failed checks and the latest scrapes from Dagster's own records.

Dagster's records can be read when the development database is down. They are returned as plain
values of `operations/alerts/facts.py`, which knows nothing of Dagster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from ouspark_assets.operations.alerts.facts import FailedCheck, FailedRun, Scrape, SiteOutage
from ouspark_assets.orchestration.automation.ingestion import NEW_RESULTS_SENSOR, IndexCursor
from ouspark_assets.orchestration.checks.check_results import latest_results
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import RELEASE_PARTITIONS_NAME, releases_of_run
from ouspark_assets.orchestration.step_errors import find_root_error, summarize

MAX_FAILED_RUNS = 50
MAX_SCRAPES = 200
MAX_RUN_AGE = timedelta(days=30)
# Parts of a summary, and items of a list in it.
MAX_SHOWN = 3
# A sensor that missed this many ticks is not running.
MAX_MISSED_TICKS = 3
MIN_TICK_AGE = timedelta(minutes=10)
INDEX_PAGE = "the index page of the results site"
CHECK_FAILURE = "DagsterAssetCheckFailedError"
# The labels in the metadata of a scrape that together count every ticket of the release.
TICKET_COUNTS = ("found", "not found", "no change", "no result", "failed", "archived before")


@dataclass(frozen=True)
class _Failure:
    """What failed in a run: a step, or the run itself if no step failed."""

    step: str | None
    error: str
    is_check: bool = False


def read_failed_runs(instance: dg.DagsterInstance) -> list[FailedRun]:
    """Return the latest failed run per asset and release whose work has not succeeded since."""
    found: dict[tuple[str, str | None], FailedRun] = {}
    registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.now(UTC) - MAX_RUN_AGE
        ),
        limit=MAX_FAILED_RUNS,
    )
    for record in records:
        failed = _read_failed_run(instance, record, registered)
        if failed is not None:
            found.setdefault((failed.name, failed.release), failed)
    return list(found.values())


def read_failed_checks(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> list[FailedCheck]:
    """Return the checks whose latest result is a failure."""
    return [
        FailedCheck(
            asset=key.asset_key.to_user_string(),
            check=key.name,
            is_error=result.evaluation.severity is dg.AssetCheckSeverity.ERROR,
            run_id=result.run_id,
            at=datetime.fromtimestamp(result.timestamp, UTC),
            summary=_summarize_check(result.evaluation),
        )
        for key, result in latest_results(instance, keys).items()
        if not result.evaluation.passed
    ]


def read_latest_scrapes(instance: dg.DagsterInstance) -> list[Scrape]:
    """Return the latest scrape per release, among the last `MAX_SCRAPES` scrapes."""
    latest: dict[str, Scrape] = {}
    for record in instance.fetch_materializations(RESULT_PAGES, limit=MAX_SCRAPES).records:
        done = record.asset_materialization
        if done is None or done.partition is None or done.partition in latest:
            continue
        counts = {name: value.value for name, value in done.metadata.items()}
        latest[done.partition] = Scrape(
            release=done.partition,
            run_id=record.run_id,
            at=datetime.fromtimestamp(record.timestamp, UTC),
            tickets=sum(_number(counts.get(name)) for name in TICKET_COUNTS),
            failed=_number(counts.get("failed")),
        )
    return list(latest.values())


def read_index_outages(instance: dg.DagsterInstance, at: datetime) -> list[SiteOutage]:
    """Return since when the sensor that watches the index page cannot read it.

    A sensor that has had no tick lately says nothing about the site as it is now.
    """
    outages: list[SiteOutage] = []
    if instance.schedule_storage is None:
        return outages  # An ephemeral instance has no daemon.
    for state in instance.all_instigator_state():
        data: Any = state.instigator_data
        if state.instigator_name != NEW_RESULTS_SENSOR or data is None:
            continue
        cursor = IndexCursor.parse(data.cursor)
        max_age = max(MAX_MISSED_TICKS * timedelta(seconds=data.min_interval or 0), MIN_TICK_AGE)
        last_tick = datetime.fromtimestamp(data.last_tick_timestamp or 0, UTC)
        if cursor.outage_began is not None and at - last_tick <= max_age:
            reason = cursor.unreadable_because or ""
            outages.append(SiteOutage(INDEX_PAGE, cursor.outage_began, reason))
    return outages


def _read_failed_run(
    instance: dg.DagsterInstance, record: dg.RunRecord, registered: Sequence[str]
) -> FailedRun | None:
    """Return a failed run; None if its work succeeded since, or only a check failed."""
    run, ended = record.dagster_run, record.end_time or record.update_timestamp.timestamp()
    planned, failures = _read_step_events(instance, run.run_id)
    errors = [failure for failure in failures if not failure.is_check]
    if failures and not errors:
        return None
    first = errors[0] if errors else _Failure(None, "it was killed, or could not start")
    asset = planned.get(first.step or "") or next(iter(planned.values()), None)
    releases = list(releases_of_run(run, registered))
    if _succeeded_since(instance, ended, run.job_name, asset, releases):
        return None
    return FailedRun(
        name=asset.to_user_string() if asset else first.step or run.job_name,
        release=" to ".join(dict.fromkeys((releases[0], releases[-1]))) if releases else None,
        run_id=run.run_id,
        error=first.error,
        at=datetime.fromtimestamp(ended, UTC),
        other_failures=max(len(errors) - 1, 0),
    )


def _read_step_events(
    instance: dg.DagsterInstance, run_id: str
) -> tuple[dict[str, dg.AssetKey], list[_Failure]]:
    """Return the first asset of every planned step that did not succeed, and the failures."""
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
            error = event.step_failure_data.error
            root = find_root_error(error) if error else None
            failures.append(
                _Failure(
                    event.step_key,
                    summarize(root) if root else "no reason was recorded",
                    is_check=root is not None and root.cls_name == CHECK_FAILURE,
                )
            )
    return planned, failures


def _succeeded_since(
    instance: dg.DagsterInstance,
    ended: float,
    job: str,
    asset: dg.AssetKey | None,
    releases: Sequence[str],
) -> bool:
    """Return whether the asset was materialized since for all releases, or the job succeeded."""
    if asset is None:
        succeeded = instance.get_run_records(
            dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1
        )
        return any((record.end_time or 0) > ended for record in succeeded)
    since = dg.AssetRecordsFilter(
        asset, asset_partitions=list(releases) or None, after_timestamp=ended
    )
    done = instance.fetch_materializations(since, limit=max(len(releases), 1) * 2).records
    return bool(done) and set(releases) <= {record.partition_key for record in done}


def _summarize_check(evaluation: dg.AssetCheckEvaluation) -> str:
    """Return what a check found in a few words: its description, counts, releases and rules."""
    parts = [evaluation.description] if evaluation.description else []
    for name, value in evaluation.metadata.items():
        if text := _metadata_text(value):
            parts.append(f"{name}: {text}")
    return "; ".join(parts[:MAX_SHOWN])


def _metadata_text(value: dg.MetadataValue[Any]) -> str:
    """Return a number, a list of texts, or the rules of a table; empty for anything else."""
    if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue):
        return f"{value.value}"
    if isinstance(value, dg.TableMetadataValue):
        rules = ((row.data.get("column"), row.data.get("rule")) for row in value.records)
        named = [f"{column}: {rule}" for column, rule in rules if rule]
        return ", ".join(named[:MAX_SHOWN])
    if isinstance(value, dg.JsonMetadataValue) and isinstance(value.data, list):
        return ", ".join(item for item in value.data[:MAX_SHOWN] if isinstance(item, str))
    return ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
