"""Records what commands do outside any run of Dagster, in `ops.stage_runs` like every stage.

A rollback must work in an emergency without the development database. It is then not recorded,
and a warning says so.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from ouspark_assets.cli.output import show_notice
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.logging import log_context
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.warehouse.records.stage_runs import (
    COMMAND_PREFIX,
    StageRecord,
    close_command_stages,
    record_stage,
)

PROCESS_GONE = "The process of this command is gone: it was killed, or its machine went down."


@contextmanager
def recorded_command(asset: str) -> Iterator[StageRecord]:
    """Record the block as a stage of an asset, if development can be reached.

    Each call is a run of its own. Ends the records of commands that were killed.
    """
    run_id = f"{COMMAND_PREFIX}{uuid4().hex[:8]}"
    with log_context(run_id, asset), ExitStack() as stack:
        try:
            connection = stack.enter_context(Development().connected(asset))
            close_command_stages(connection, PROCESS_GONE)
            record = stack.enter_context(record_stage(connection, run_id, asset))
        except OuSparkError as error:
            show_notice(f"This command is not recorded in the history. {error}")
            record = StageRecord()
        yield record
