"""`ops.stage_runs`: what each asset did in each run, recorded while it runs.

A row is inserted before the work and completed after it, outside its transactions, so that a killed
run leaves a row that shows where it died.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from ouspark_assets.domain.masking import mask_secrets
from ouspark_assets.warehouse.core.connection import (
    Connection,
    fetch_objects,
    fetch_value,
    first_line,
)

MAX_ERROR_LENGTH = 2_000
# Run ids of commands that work outside Dagster begin with this.
COMMAND_PREFIX = "cli "

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageRun:
    """One row of `ops.stage_runs`."""

    id: int
    run_id: str
    asset: str
    release: str | None
    started: datetime
    ended: datetime | None
    outcome: str
    error: str | None


_COLUMNS = ", ".join(StageRun.__dataclass_fields__)


@dataclass
class StageRecord:
    """The figures of a running stage, which the asset fills in."""

    number: int = 0
    rows_in: int | None = None
    rows_written: int | None = None
    rows_changed: int | None = None
    rows_quarantined: int | None = None


@contextmanager
def record_stage(
    connection: Connection, run_id: str, asset: str, release: str | None = None
) -> Iterator[StageRecord]:
    """Record the start and the end of the block as a stage, whether it succeeds or fails."""
    query = "INSERT INTO ops.stage_runs (run_id, asset, release) VALUES (%s, %s, %s) RETURNING id"
    stage = StageRecord(fetch_value(connection, query, (run_id, asset, release)))
    try:
        yield stage
    except BaseException as error:
        _end_stage(connection, stage, "failed", describe_error(error))
        raise
    _end_stage(connection, stage, "succeeded", None)


def describe_error(error: BaseException) -> str:
    """Return the error as it may be stored: masked, and without the details of database errors."""
    text = first_line(error) if isinstance(error, psycopg.Error) else str(error)
    return f"{type(error).__name__}: {mask_secrets(text)}"[:MAX_ERROR_LENGTH]


def _end_stage(connection: Connection, stage: StageRecord, outcome: str, error: str | None) -> None:
    """Complete the row; if the server is gone, the row stays as one that never ended."""
    try:
        connection.execute(
            """
            UPDATE ops.stage_runs
               SET ended = now(), rows_in = %(rows_in)s, rows_written = %(rows_written)s,
                   rows_changed = %(rows_changed)s, rows_quarantined = %(rows_quarantined)s,
                   outcome = %(outcome)s, error = %(error)s
             WHERE id = %(number)s
            """,
            {**vars(stage), "outcome": outcome, "error": error},
        )
    except psycopg.Error as lost:
        # Raising here would hide the error of the stage itself.
        log.warning("Cannot record that this stage %s: %s", outcome, first_line(lost))


def unfinished_runs(connection: Connection) -> list[str]:
    """Return the runs with a stage that has not ended: still running, or killed."""
    rows = connection.execute(
        "SELECT DISTINCT run_id FROM ops.stage_runs WHERE outcome = 'running'"
    ).fetchall()
    return [run_id for (run_id,) in rows]


def close_stage_runs(connection: Connection, run_ids: Sequence[str], why: str) -> int:
    """End the stages of dead runs as failed; return their number."""
    return connection.execute(
        """
        UPDATE ops.stage_runs SET ended = now(), died = true, outcome = 'failed', error = %s
         WHERE outcome = 'running' AND run_id = ANY (%s)
        """,
        (why, list(run_ids)),
    ).rowcount


def close_command_stages(connection: Connection, why: str) -> int:
    """End the stages of killed commands, which Dagster does not know."""
    rows = connection.execute(
        "SELECT run_id FROM ops.unfinished_stages WHERE NOT alive AND starts_with(run_id, %s)",
        (COMMAND_PREFIX,),
    ).fetchall()
    return close_stage_runs(connection, [run_id for (run_id,) in rows], why)


def recent_stage_runs(connection: Connection, limit: int) -> list[StageRun]:
    """Return the latest rows of `ops.stage_runs`, oldest first."""
    query = f"SELECT {_COLUMNS} FROM ops.stage_runs ORDER BY id DESC LIMIT %s"
    return fetch_objects(connection, StageRun, query, (limit,))[::-1]


def latest_stage_runs(connection: Connection) -> list[StageRun]:
    """Return the latest row of every stage and release, oldest first."""
    query = f"SELECT {_COLUMNS} FROM ops.latest_stages ORDER BY id"
    return fetch_objects(connection, StageRun, query)


def running_stages(connection: Connection) -> set[int]:
    """Return the ids of the stages that are running; others without an end were killed."""
    rows = connection.execute("SELECT id FROM ops.unfinished_stages WHERE alive").fetchall()
    return {number for (number,) in rows}
