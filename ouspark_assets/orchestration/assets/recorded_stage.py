"""What every asset does around its work: connect to development, and record the stage.

Stages are recorded in `ops.stage_runs`. An asset that is computed from other tables has nothing
else to do, so that `materialize_table` does all of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.operations.logging import log_context
from ouspark_assets.orchestration.failures import explained_failure
from ouspark_assets.orchestration.metadata import describe_merge
from ouspark_assets.orchestration.resources import Development, SharedFrames
from ouspark_assets.pipeline.compute import merge_computed
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, ConnectionLostError
from ouspark_assets.warehouse.records.computed_from import content_version
from ouspark_assets.warehouse.records.stage_runs import StageRecord, record_stage

# A server that crashes more often than this during one stage needs an operator.
MAX_REPETITIONS = 2
REPETITION_WAIT = 1


@dataclass(frozen=True)
class RecordedStage:
    """A stage that is running: its connection, its record, and the run it belongs to."""

    connection: Connection
    record: StageRecord
    run_id: str


@contextmanager
def recorded_stage(
    context: dg.AssetExecutionContext,
    development: Development,
    name: str,
    release: str | None = None,
) -> Iterator[RecordedStage]:
    """Record a stage from its start to its end, with a connection to development.

    Log lines within the block carry the run, the stage and the release. If a database closes the
    connection, the whole step is repeated: the server has undone its transaction, and what was
    already committed is found unchanged, as by the next run.
    """
    run_id = context.run.run_id
    with explained_failure():
        try:
            with (
                log_context(run_id, name, release),
                development.connected(name) as connection,
                record_stage(connection, run_id, name, release) as record,
            ):
                yield RecordedStage(connection, record, run_id)
        except ConnectionLostError as error:
            if context.retry_number >= MAX_REPETITIONS:
                raise
            context.log.warning(f"{error} The step is repeated.")
            raise dg.RetryRequested(MAX_REPETITIONS, REPETITION_WAIT) from error


def materialize_table(
    context: dg.AssetExecutionContext,
    development: Development,
    frames: SharedFrames,
    table: Table,
    reads: Sequence[Table],
    compute: Callable[[Mapping[str, pl.DataFrame]], pl.DataFrame],
    *,
    counted: Sequence[Table] = (),
    describe: Callable[[pl.DataFrame], dict[str, Any]] = lambda _rows: {},
) -> dg.MaterializeResult[None]:
    """Compute a table from the frames of other tables, by name, and merge it as a recorded stage.

    The data version stays the same if no row changed, so that Dagster does not show what depends
    on the table as unsynced. The rows of the tables in `counted` are recorded as the stage's
    input; `describe` returns metadata in addition to the counts.
    """
    with recorded_stage(context, development, table.qualified_name) as stage:
        inputs = {read.name: frames.read(stage.connection, read) for read in reads}
        if counted:
            stage.record.rows_in = sum(inputs[read.name].height for read in counted)
        rows = compute(inputs)
        change = merge_computed(
            stage.connection, frames, table, rows, inputs=reads, run_id=stage.run_id
        )
        described = describe(rows)
        version = dg.DataVersion(content_version(stage.connection, table))
        stage.record.rows_written, stage.record.rows_changed = change.rows, change.changed
    return dg.MaterializeResult(metadata=describe_merge(change) | described, data_version=version)
