"""The history of what commands do by hand, outside of any run of Dagster: `ops.stage_runs` too.

A rollback in an emergency must work without the development database: then it is not recorded, and
that is said.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import click

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.logging import log_context
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.warehouse.records.stage_runs import BY_HAND, Stage, close_by_hand, recorded

GONE = "The command that did this is gone: it was killed, or its machine went down."


@contextmanager
def recorded_by_hand(asset: str) -> Iterator[Stage]:
    """Record what a command does as a stage, if development can be reached."""
    run_id = f"{BY_HAND}{uuid4().hex[:8]}"
    with log_context(run_id, asset), ExitStack() as stack:
        try:
            connection = stack.enter_context(Development().connected(asset))
            close_by_hand(connection, GONE)
            record = stack.enter_context(recorded(connection, run_id, asset))
        except OuSparkError as error:
            click.echo(f"This is not recorded in the history. {error}", err=True)
            record = Stage()
        yield record
