"""Who executes a run of Dagster: its sign of life, its turn, and what follows when it is killed.

A sign of life is a file that the process holds a lock on, so that a killed run is known at once
and for sure; a turn is an advisory lock in the development database.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.services.locks import is_locked, try_lock
from ouspark_assets.settings import RunSettings, ServerSettings, Settings
from ouspark_assets.warehouse.core.locks import Lock, alone
from ouspark_assets.warehouse.records.stage_runs import close_stage_runs, unfinished_runs

UNFINISHED = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
AT_WORK = UNFINISHED[2:]
# Between the beginning of a run and its sign of life lie milliseconds.
SECONDS_WITHOUT_A_SIGN = 60
GONE = "The process of this run is gone: it was killed, or its machine went down."
UNENDED = "This stage never said how it ended: its process or its database connection was gone."


@contextmanager
def owned(run_id: str, settings: Settings, tell: Callable[[str], None]) -> Iterator[None]:
    """Own a run from before it begins until after it has ended, in turn."""
    descriptor = show_life(run_id, settings.servers)
    try:
        with turn(run_id, settings.runs, tell):
            yield
        # Whoever leaves otherwise may not have told Dagster of the end (a full disk): its sign
        # stays, as that of a killed run does, and the run is reaped.
        (signs_of_life(settings.servers) / run_id).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def signs_of_life(settings: ServerSettings) -> Path:
    """Return the folder of the signs of life."""
    return settings.home / "dagster" / "alive"


def show_life(run_id: str, settings: ServerSettings) -> int:
    """Show that a run is alive until the descriptor is closed, or the process has ended."""
    signs = signs_of_life(settings)
    signs.mkdir(parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(prefix=".", dir=signs)
    # Locked before it has its name: nobody ever meets the sign of a living run unlocked.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    Path(path).rename(signs / run_id)
    return descriptor


@contextmanager
def turn(run_id: str, settings: RunSettings, tell: Callable[[str], None]) -> Iterator[None]:
    """Be the only run that works, waiting for the one before."""
    doing = f"run {run_id[:8]}"
    with (
        Development().connected(doing) as connection,
        alone(connection, Lock.RUN, settings.run_wait, doing.capitalize(), tell),
    ):
        yield


def reap_dead_runs(instance: dg.DagsterInstance, settings: Settings) -> tuple[str, ...]:
    """Report the runs failed whose process is gone, so that they hold up nothing; their ids."""
    signs = signs_of_life(settings.servers)
    signs.mkdir(parents=True, exist_ok=True)
    (signs / ".reaping").touch()
    reaping = try_lock(signs / ".reaping")
    if reaping is None:
        return ()  # somebody else is at it
    try:
        return _reap(instance, signs, is_shared=settings.runs.dagster_dsn is not None)
    finally:
        os.close(reaping)


def _reap(instance: dg.DagsterInstance, signs: Path, *, is_shared: bool) -> tuple[str, ...]:
    unfinished = instance.get_run_records(dg.RunsFilter(statuses=list(UNFINISHED)))
    dead = [it.dagster_run for it in unfinished if _is_dead(it, signs, is_shared=is_shared)]
    for run in dead:
        instance.report_run_failed(run, GONE)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    _sweep(signs, {it.dagster_run.run_id for it in unfinished})
    _close_their_stages(instance)
    return tuple(run.run_id for run in dead)


def _is_dead(record: dg.RunRecord, signs: Path, *, is_shared: bool) -> bool:
    run = record.dagster_run
    sign = signs / run.run_id
    if sign.exists():
        return not is_locked(sign)
    return (
        run.status in AT_WORK
        and record.start_time is not None
        and time.time() - record.start_time > SECONDS_WITHOUT_A_SIGN
        # With a shared storage the sign may be on another machine.
        and not is_shared
    )


def _sweep(signs: Path, unfinished: set[str]) -> None:
    """Remove the signs of runs that have ended."""
    for sign in signs.glob("[!.]*"):
        if sign.name not in unfinished and not is_locked(sign):
            sign.unlink(missing_ok=True)


def _close_their_stages(instance: dg.DagsterInstance) -> None:
    """End the rows of `ops.stage_runs` whose run has ended without them."""
    try:
        with Development().connected("reap") as connection:
            runs = {it: instance.get_run_by_id(it) for it in unfinished_runs(connection)}
            ended = [it for it, run in runs.items() if run is not None and run.is_finished]
            close_stage_runs(connection, ended, UNENDED)
    except OuSparkError:
        return  # closed by the next reaping; whoever needs the database now says so itself
