"""`ops.stage_runs`: what each asset did in each run, written while it happens.

A row is begun before the work and ended after it, outside of its transactions, so that a killed
run leaves a row that says where it died.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from ouspark_assets.domain.masking import mask_secrets
from ouspark_assets.warehouse.core.connection import Connection, first_line

LONGEST_ERROR = 2_000
# What is done by hand, outside of any run of Dagster; each time is a run of its own.
BY_HAND = "cli "

_COLUMNS = "id, run_id, asset, release, started, ended, outcome, error"
Row = tuple[object, ...]

log = logging.getLogger(__name__)


@dataclass
class Stage:
    """The figures of a stage while it runs; the asset fills them in."""

    number: int = 0
    rows_in: int | None = None
    rows_written: int | None = None
    rows_changed: int | None = None
    rows_quarantined: int | None = None


@contextmanager
def recorded(
    connection: Connection, run_id: str, asset: str, release: str | None = None
) -> Iterator[Stage]:
    """Record a stage from its beginning to its end, however it ends."""
    row = connection.execute(
        "INSERT INTO ops.stage_runs (run_id, asset, release) VALUES (%s, %s, %s) RETURNING id",
        (run_id, asset, release),
    ).fetchone()
    stage = Stage(int(str(row[0])) if row else 0)
    try:
        yield stage
    except BaseException as error:
        _end(connection, stage, "failed", told(error))
        raise
    _end(connection, stage, "succeeded", None)


def told(error: BaseException) -> str:
    """An error as it may be kept: of a database's, the details may be rows of students."""
    said = first_line(error) if isinstance(error, psycopg.Error) else str(error)
    return f"{type(error).__name__}: {mask_secrets(said)}"[:LONGEST_ERROR]


def _end(connection: Connection, stage: Stage, outcome: str, error: str | None) -> None:
    """End the row; if the server went away it stays as one that never ended."""
    try:
        connection.execute(
            """
            UPDATE ops.stage_runs
               SET ended = now(), rows_in = %s, rows_written = %s, rows_changed = %s,
                   rows_quarantined = %s, outcome = %s, error = %s
             WHERE id = %s
            """,
            (
                stage.rows_in,
                stage.rows_written,
                stage.rows_changed,
                stage.rows_quarantined,
                outcome,
                error,
                stage.number,
            ),
        )
    except psycopg.Error as lost:
        # Whatever the stage itself has to say comes first: the history must not hide it.
        log.warning("How this stage %s can't be recorded: %s", outcome, first_line(lost))


def unfinished_runs(connection: Connection) -> list[str]:
    """The runs with a stage that never ended: still at work, or killed."""
    rows = connection.execute(
        "SELECT DISTINCT run_id FROM ops.stage_runs WHERE outcome = 'running'"
    ).fetchall()
    return [str(row[0]) for row in rows]


def close_stage_runs(connection: Connection, run_ids: Sequence[str], why: str) -> int:
    """End the stages of runs that are gone; how many there were."""
    return connection.execute(
        """
        UPDATE ops.stage_runs SET ended = now(), died = true, outcome = 'failed', error = %s
         WHERE outcome = 'running' AND run_id = ANY (%s)
        """,
        (why, list(run_ids)),
    ).rowcount


def close_by_hand(connection: Connection, why: str) -> int:
    """End the stages of commands that were killed, of which Dagster knows nothing."""
    rows = connection.execute(
        "SELECT run_id FROM ops.unfinished_stages WHERE NOT alive AND starts_with(run_id, %s)",
        (BY_HAND,),
    ).fetchall()
    return close_stage_runs(connection, [str(row[0]) for row in rows], why)


def recent_stage_runs(connection: Connection, most: int) -> Sequence[Row]:
    """The latest rows of `ops.stage_runs`, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ops.stage_runs ORDER BY id DESC LIMIT %s", (most,)
    ).fetchall()
    return rows[::-1]


def latest_of_each_stage(connection: Connection) -> Sequence[Row]:
    """The latest row of every stage and release, oldest first."""
    return connection.execute(f"SELECT {_COLUMNS} FROM ops.latest_stages ORDER BY id").fetchall()


def stages_at_work(connection: Connection) -> set[int]:
    """The numbers of the stages that are at work now; others without an end were killed."""
    rows = connection.execute("SELECT id FROM ops.unfinished_stages WHERE alive").fetchall()
    return {int(str(row[0])) for row in rows}
