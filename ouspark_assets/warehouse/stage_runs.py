"""`ops.stage_runs`: what each asset did in each run, written while it happens.

A row is begun before the work and ended after it, outside of its transactions, so that a killed
run leaves a row that says where it died.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ouspark_assets.warehouse.connection import Connection

LONGEST_ERROR = 2_000


@dataclass
class Stage:
    """The figures of a stage while it runs; the asset fills them in."""

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
    stage, number = Stage(), row[0] if row else None
    try:
        yield stage
    except BaseException as error:
        _end(connection, number, stage, "failed", f"{type(error).__name__}: {error}")
        raise
    _end(connection, number, stage, "succeeded", None)


def _end(
    connection: Connection, number: object, stage: Stage, outcome: str, error: str | None
) -> None:
    if connection.closed:
        return  # the server went away: the row stays as one that never ended
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
            error[:LONGEST_ERROR] if error else None,
            number,
        ),
    )


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
        UPDATE ops.stage_runs SET ended = now(), outcome = 'failed', error = %s
         WHERE outcome = 'running' AND run_id = ANY (%s)
        """,
        (why, list(run_ids)),
    ).rowcount
