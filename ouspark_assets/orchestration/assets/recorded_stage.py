"""What every asset does around its work: connect to development, and record the stage.

Stages are recorded in `ops.stage_runs`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from ouspark_assets.operations.logging import log_context
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.stage_runs import StageRecord, record_stage


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

    Log lines within the block carry the run, the stage and the release.
    """
    run_id = context.run.run_id
    with (
        log_context(run_id, name, release),
        development.connected(name) as connection,
        record_stage(connection, run_id, name, release) as record,
    ):
        yield RecordedStage(connection, record, run_id)
