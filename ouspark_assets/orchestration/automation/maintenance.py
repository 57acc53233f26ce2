"""Jobs that keep the house: verifying production, compacting the lake, pruning Dagster's history.

When they run is `schedules.py`. Nothing here removes a page, or anything about a materialization.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ouspark_assets.orchestration.resources import Development, Environment, Lake, Production
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.warehouse.publication.verifying import TableVerdict, verify


@dg.op(out=dg.Out(dg.Nothing), tags={"dagster/kind": "postgres"})
def compare_with_development(
    context: dg.OpExecutionContext, development: Development, production: Production
) -> None:
    """Compare every published row with what development says was published."""
    with (
        development.connected("verify production") as source,
        production.connected("verify production") as target,
    ):
        verdict = verify(source, target, PUBLISHED_TABLES)
    for table in verdict.tables:
        context.log.info(f"{table.name}: {table.rows} rows, {_words(table)}.")
    if verdict.is_clean:
        context.log.info(f"Production is publication {verdict.publication}.")
        return
    wrong = "; ".join(f"{it.name}: {_words(it)}" for it in verdict.tables if not it.is_clean)
    message = (
        f"Production differs from publication {verdict.publication} ({wrong}). "
        "`ouspark publication publish --full` repairs it."
    )
    raise dg.Failure(message, allow_retries=False)


@dg.op(out=dg.Out(dg.Nothing), tags={"dagster/kind": "parquet"})
def merge_small_parts(context: dg.OpExecutionContext, lake: Lake) -> None:
    """Merge the small parts of every release into large ones; every answer stays."""
    archive = lake.archive()
    for release in archive.releases():
        fewer = archive.compact(release)
        context.log.info(f"Release {release}: {fewer} parts fewer.")


@dg.op(out=dg.Out(dg.Nothing), tags={"dagster/kind": "dagster"})
def remove_old_events(context: dg.OpExecutionContext, environment: Environment) -> None:
    """Remove old events and logs of runs; materializations, observations and checks stay."""
    # Dagster's storage classes, which who only loads the graph does not need.
    from ouspark_assets.orchestration.storage.instance_storage import prune

    days = environment.settings.automation.history_days
    before = datetime.now(UTC) - timedelta(days=days)
    old = context.instance.get_runs(dg.RunsFilter(created_before=before))
    ended = [run.run_id for run in old if run.is_finished]
    pruned = prune(context.instance, ended, before)
    context.log.info(
        f"Older than {days} days: {pruned.events} events and {pruned.files} files removed."
    )


@dg.job(description="Compare production with development, row by row; fails when they differ.")
def verify_production() -> None:
    """Compare production with development."""
    compare_with_development()


@dg.job(description="Merge small parts of the lake into large ones. No page is ever removed.")
def compact_lake() -> None:
    """Compact the lake."""
    merge_small_parts()


@dg.job(
    description="Remove events and logs of runs that are older than OUSPARK_HISTORY_DAYS; what "
    "is known of materializations, observations and checks stays."
)
def prune_history() -> None:
    """Prune Dagster's own records."""
    remove_old_events()


def _words(table: TableVerdict) -> str:
    """Counts only: keys of rows are hall tickets."""
    if table.differences:
        return f"{len(table.differences)} rows differ"
    return "as published" if table.recorded else "changed since it was published"
