"""What every asset does around its work: a connection to development, and a row in the history.

The history is `ops.stage_runs`; the work itself is the asset's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from ouspark_assets.operations.logging import log_context
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.stage_runs import Stage, recorded


@dataclass(frozen=True)
class Work:
    """An asset at work: its connection, its record in the history, its run."""

    connection: Connection
    record: Stage
    run_id: str


@contextmanager
def stage(
    context: dg.AssetExecutionContext,
    development: Development,
    name: str,
    release: str | None = None,
) -> Iterator[Work]:
    """Connect, record the stage from beginning to end, hand over the connection."""
    with (
        log_context(context.run.run_id, name, release),
        development.connected(name) as connection,
        recorded(connection, context.run.run_id, name, release) as record,
    ):
        yield Work(connection, record, context.run.run_id)
