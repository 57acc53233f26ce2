"""Which process executes a run: liveness lock, exclusive execution, and reporting dead runs.

The process of a run holds a lock on a file, which the kernel releases when the process ends, so a
killed run is detected at once and reliably. Runs take turns by an advisory lock in the
development database.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.orchestration.supervision.code_server import CodeServer, read_code_server
from ouspark_assets.services.file_locks import is_locked, lock_descriptor, try_lock
from ouspark_assets.settings import RunSettings, ServerSettings, Settings
from ouspark_assets.warehouse.core.connection import ConnectionLostError
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock
from ouspark_assets.warehouse.records.stage_runs import close_stage_runs, unfinished_runs

RUNNING = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
# A queued run has no process yet, so it cannot be dead.
MAY_HAVE_PROCESS = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    *RUNNING,
)
# Between the start of a run and its liveness lock there are only milliseconds.
MAX_SECONDS_WITHOUT_LOCK = 60
# A worker that survived the code server that launched it needs this long until it has its lock. If
# it needs longer, the run is repeated, and Dagster ends a worker whose run was reported failed.
MAX_SECONDS_TO_START = 15
# Where Dagster records which code server launched a run as a process of its own.
GRPC_INFO_TAG = ".dagster/grpc_info"
PROCESS_GONE = "The process of this run is gone: it was killed, or its machine went down."
STAGE_NOT_ENDED = (
    "This stage never reported its end: its process or its database connection was lost."
)


@contextmanager
def own_run(run_id: str, settings: Settings, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold the liveness lock of a run, and keep other runs waiting, during the block."""
    descriptor = hold_liveness_lock(run_id, settings.servers)
    try:
        with exclusive_run(run_id, settings.runs, notify):
            yield
        # Only after a normal end: when the block raises, Dagster may not have recorded the end of
        # the run (a full disk). The file then stays, as after a kill, and the run is reaped.
        (liveness_folder(settings.servers) / run_id).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def liveness_folder(settings: ServerSettings) -> Path:
    """Return the folder of the files that running processes hold locks on."""
    return settings.home / "dagster" / "alive"


def hold_liveness_lock(run_id: str, settings: ServerSettings) -> int:
    """Lock the file of a run and return its descriptor; closing it, or dying, releases the lock."""
    folder = liveness_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(prefix=".", dir=folder)
    # Locked before it gets its name, so that nobody ever sees the file of a living run unlocked.
    lock_descriptor(descriptor)
    Path(path).rename(folder / run_id)
    return descriptor


@contextmanager
def exclusive_run(
    run_id: str, settings: RunSettings, notify: Callable[[str], None]
) -> Iterator[None]:
    """Wait until no other run is executing, and keep others waiting during the block."""
    purpose = f"run {run_id[:8]}"

    def take_turn() -> ExitStack:
        with ExitStack() as turn:
            connection = turn.enter_context(Development().connected(purpose))
            wait = settings.run_wait
            turn.enter_context(
                exclusive_lock(connection, Lock.RUN, wait, purpose.capitalize(), notify)
            )
            return turn.pop_all()

    try:
        turn = take_turn()
    except ConnectionLostError:
        # Nothing but waiting was done.
        turn = take_turn()
    with turn:
        yield


def reap_dead_runs(instance: dg.DagsterInstance, settings: Settings) -> tuple[str, ...]:
    """Report the runs failed whose process is gone, and return their ids.

    Until then a dead run occupies its place in the queue and its concurrency slots.
    """
    folder = liveness_folder(settings.servers)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".reaping").touch()
    reaping = try_lock(folder / ".reaping")
    if reaping is None:
        return ()  # another process is reaping
    try:
        return _reap(instance, settings)
    finally:
        os.close(reaping)


def _reap(instance: dg.DagsterInstance, settings: Settings) -> tuple[str, ...]:
    folder = liveness_folder(settings.servers)
    is_shared = settings.runs.dagster_dsn is not None
    server = read_code_server(settings.servers)
    records = instance.get_run_records(dg.RunsFilter(statuses=list(MAY_HAVE_PROCESS)))
    dead = [
        record.dagster_run
        for record in records
        if _is_dead(record, folder, is_shared=is_shared)
        or _never_started(record, folder, server, is_shared=is_shared)
    ]
    for run in dead:
        instance.report_run_failed(run, PROCESS_GONE)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    unfinished = {record.dagster_run.run_id for record in records}
    for file in folder.glob("[!.]*"):
        if file.name not in unfinished and not is_locked(file):
            file.unlink(missing_ok=True)
    _close_stages_of_finished_runs(instance)
    return tuple(run.run_id for run in dead)


def _is_dead(record: dg.RunRecord, folder: Path, *, is_shared: bool) -> bool:
    run = record.dagster_run
    file = folder / run.run_id
    if file.exists():
        return not is_locked(file)
    return (
        run.status in RUNNING
        and record.start_time is not None
        and time.time() - record.start_time > MAX_SECONDS_WITHOUT_LOCK
        # If Dagster's storage is shared, the file may be on another machine.
        and not is_shared
    )


def _never_started(
    record: dg.RunRecord, folder: Path, server: CodeServer | None, *, is_shared: bool
) -> bool:
    """Return whether the code server that launched a run has ended before the run started.

    Dagster itself waits for the start of a run until `start_timeout_seconds` have passed.
    """
    run = record.dagster_run
    launched_by = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    if run.status is not dg.DagsterRunStatus.STARTING or not launched_by:
        return False
    if is_shared and (server is None or not server.address.endswith(f":{launched_by.get('port')}")):
        return False  # It may have been launched on another machine.
    launched = record.update_timestamp.timestamp()
    return (
        not (folder / run.run_id).exists()
        and (server is None or launched < server.started)
        and time.time() - launched > MAX_SECONDS_TO_START
    )


def _close_stages_of_finished_runs(instance: dg.DagsterInstance) -> None:
    """Close the rows of `ops.stage_runs` that are open although their run has finished."""
    try:
        with Development().connected("reap", wait=False) as connection:
            finished = [
                run_id
                for run_id in unfinished_runs(connection)
                if (run := instance.get_run_by_id(run_id)) is not None and run.is_finished
            ]
            close_stage_runs(connection, finished, STAGE_NOT_ENDED)
    except OuSparkError:
        return  # The next reaping closes them; what needs the database reports that it is down.
