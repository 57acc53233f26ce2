"""What each kind of event does to the system.

Most events strike while a run is in progress and wait for its end; what must hold afterwards is in
`invariants`. An event that is impossible on this machine is skipped, and the tally tells why.
"""

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
import redis
from psycopg.rows import scalar_row

from ouspark_assets.services.client import query_supervisor
from ouspark_assets.services.protocol import Request
from ouspark_assets_tests.chaos.lake_parts import FOUND, Part, damage_part, list_parts
from ouspark_assets_tests.chaos.processes import (
    becomes_true,
    list_process_tree,
    read_command_line,
    send_signal,
)
from ouspark_assets_tests.chaos.runs import Run
from ouspark_assets_tests.chaos.steps import EventImpossibleError, Kind, Step
from ouspark_assets_tests.chaos.system_under_test import STAGE_TIMEOUT, SystemUnderTest

Event = Callable[[SystemUnderTest, Step], None]
# Returns the processes that an event strikes, looked up at that moment.
Target = Callable[[SystemUnderTest, Run], Sequence[int]]
FAKETIME = "faketime"
CLOCKS = ("+1d", "-1d", "+400d", "-400d", "+90s", "-90s")
BACKUP_SHARE = 0.5
WORKER = "ouspark_assets.pages.worker"
STATUS_TIMEOUT = 60.0
BACKENDS = """
SELECT pid FROM pg_stat_activity
 WHERE application_name LIKE 'ouspark%' AND backend_type = 'client backend' ORDER BY pid
"""


def execute_event(system: SystemUnderTest, step: Step) -> None:
    """Make an event happen and count it."""
    try:
        EVENTS[step.kind](system, step)
    except EventImpossibleError as error:
        system.tally.skipped[step.kind] = str(error)
    else:
        system.tally.events[step.kind] += 1


@contextmanager
def _run_at_moment(system: SystemUnderTest, step: Step) -> Iterator[Run]:
    """Yield a run that has reached the step's moment; afterwards wait for its end."""
    system.prepare(step.work)
    run = system.start_run()
    system.await_moment(run, step.moment)
    yield run
    system.finish(run)


def _signal_run(number: signal.Signals, *, workers: bool = True) -> Event:
    def event(system: SystemUnderTest, step: Step) -> None:
        with _run_at_moment(system, step) as run:
            run.send(number, workers=workers)

    return event


def _freeze(target: Target) -> Event:
    """Return an event that stops processes for the step's duration, then resumes them."""

    def event(system: SystemUnderTest, step: Step) -> None:
        with _run_at_moment(system, step) as run:
            pids = target(system, run)
            send_signal(signal.SIGSTOP, pids)
            try:
                time.sleep(step.hold)
            finally:
                send_signal(signal.SIGCONT, pids)

    return event


def _kill(target: Target) -> Event:
    def event(system: SystemUnderTest, step: Step) -> None:
        with _run_at_moment(system, step) as run:
            send_signal(signal.SIGKILL, target(system, run))

    return event


def _kill_backend(system: SystemUnderTest, step: Step) -> None:
    with _run_at_moment(system, step):
        pids = _list_backends(system)
        send_signal(signal.SIGKILL, pids[int(step.choice * len(pids)) :][:1])


def _terminate_backend(system: SystemUnderTest, step: Step) -> None:
    with (
        _run_at_moment(system, step),
        suppress(psycopg.Error),
        _administer(system) as connection,
    ):
        pids = _list_backends(system)
        for pid in pids[int(step.choice * len(pids)) :][:1]:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def _kill_worker(system: SystemUnderTest, step: Step) -> None:
    """Kill a worker while all pages are read again; small releases are read without workers."""

    def list_workers() -> list[int]:
        return [pid for pid in list_process_tree(run.pid) if WORKER in read_command_line(pid)]

    system.prepare(step.work)
    run = system.start("rebuild")
    becomes_true(lambda: run.is_over or bool(list_workers()), STAGE_TIMEOUT)
    becomes_true(lambda: run.is_over, step.moment.delay)
    workers = list_workers()
    send_signal(signal.SIGKILL, workers[int(step.choice * len(workers)) :][:1])
    system.finish(run)
    if not workers:
        message = "no release has enough pages for workers (2,000; --students 2400)"
        raise EventImpossibleError(message)


def _restart_servers(system: SystemUnderTest, step: Step) -> None:
    with _run_at_moment(system, step):
        system.complete("services", "down")
        system.complete("services", "up")


def _restart_cache_empty(system: SystemUnderTest, step: Step) -> None:
    """Restart the cache without its data, like a server without persistence."""
    with _run_at_moment(system, step) as run:
        with suppress(redis.RedisError), system.pipeline.cache() as cache:
            cache.config_set("save", "")
            cache.flushall()
            cache.save()
        send_signal(signal.SIGKILL, _server("redis")(system, run))


def _take_site_down(system: SystemUnderTest, step: Step) -> None:
    with _run_at_moment(system, step):
        system.site.kill()
        time.sleep(step.hold)
        system.site.start()


def _fill_disk(system: SystemUnderTest, step: Step) -> None:
    with _run_at_moment(system, step) as run, system.disk.full(run.pid):
        becomes_true(lambda: run.is_over, step.hold)


def _damage_lake_part(system: SystemUnderTest, step: Step) -> None:
    """Damage a part; a run and a rebuild must name it; then repair it as the message advises."""
    parts = list_parts(system.lake)
    if not parts:
        message = "nothing was archived yet"
        raise EventImpossibleError(message)
    part, chance = parts[int(step.choice * len(parts))], random.Random(step.choice)
    pages = part.read_pages()
    original = damage_part(part, chance)
    runs = [system.complete("run", "--all"), system.complete("rebuild")]
    naming = [run for run in runs if part.path.name in run.errors and "damaged" in run.errors]
    failed = [run for run in runs if run.process.returncode != 0]
    unnamed = [f"{run.name}: {run.errors.strip()[-300:]}" for run in failed if run not in naming]
    system.tally.record_check("a damaged part of the lake is named", unnamed)
    if naming and chance.random() > BACKUP_SHARE:
        _move_part_away(system, part, {str(ticket) for ticket in pages["hall_ticket"]})
    else:
        part.path.write_bytes(original)


def _move_part_away(system: SystemUnderTest, part: Part, tickets: set[str]) -> None:
    """Move a part away as the message advises; its pages may be missing until fetched again."""
    shutil.move(part.path, system.folder)
    for other in list_parts(system.lake):
        if other.path.parent == part.path.parent:
            tickets -= set(other.read_answers().filter(FOUND)["hall_ticket"])
    release = part.path.parent.name.removeprefix("release=")
    system.moved_away |= {(release, ticket) for ticket in tickets}


def _start_two_runs(system: SystemUnderTest, step: Step) -> None:
    system.prepare(step.work)
    first = system.start_run()
    becomes_true(lambda: first.is_over, step.moment.delay)
    second = system.start_run()
    for run in (first, second):
        system.finish(run, must_succeed=True)


def _kill_one_of_two_runs(system: SystemUnderTest, step: Step) -> None:
    system.prepare(step.work)
    runs = [system.start_run(), system.start_run()]
    victim = runs[int(step.choice * len(runs))]
    system.await_moment(victim, step.moment)
    victim.send(signal.SIGKILL)
    for run in runs:
        system.finish(run, must_succeed=run is not victim)


def _run_with_wrong_clock(system: SystemUnderTest, step: Step) -> None:
    if shutil.which(FAKETIME) is None:
        message = f"{FAKETIME} is not on the PATH"
        raise EventImpossibleError(message)
    system.prepare(step.work)
    clock = CLOCKS[int(step.choice * len(CLOCKS))]
    run = system.start("run", "--all", wrapper=(FAKETIME, "-f", clock))
    system.finish(run, must_succeed=True)


def _server(name: str) -> Target:
    """Return a target: the main process of an embedded server."""

    def target(system: SystemUnderTest, _: Run) -> list[int]:
        answer = query_supervisor(system.home, Request("status"), STATUS_TIMEOUT)
        reports = answer.reports if answer else ()
        return [each.pid for each in reports if each.name == name and each.pid is not None]

    return target


def _postgres_tree(system: SystemUnderTest, run: Run) -> list[int]:
    """Return every PostgreSQL process: a frozen main process does not stop its backends."""
    return [pid for main in _server("postgres")(system, run) for pid in list_process_tree(main)]


def _supervisor(system: SystemUnderTest, _: Run) -> list[int]:
    answer = query_supervisor(system.home, Request("status"), STATUS_TIMEOUT)
    return [answer.supervisor_pid] if answer else []


def _site(system: SystemUnderTest, _: Run) -> list[int]:
    return [system.site.pid]


def _run_itself(_: SystemUnderTest, run: Run) -> list[int]:
    return [] if run.is_over else [run.pid]


def _list_backends(system: SystemUnderTest) -> list[int]:
    with suppress(psycopg.Error), _administer(system) as connection:
        return connection.cursor(row_factory=scalar_row).execute(BACKENDS).fetchall()
    return []


@contextmanager
def _administer(system: SystemUnderTest) -> Iterator[psycopg.Connection]:
    """Yield a connection that starts no server and is not listed among the pipeline's."""
    with psycopg.connect(system.servers.dev_dsn, autocommit=True, connect_timeout=5) as connection:
        yield connection


EVENTS: dict[Kind, Event] = {
    Kind.RUN_KILLED: _signal_run(signal.SIGKILL),
    Kind.RUN_KILLED_ALONE: _signal_run(signal.SIGKILL, workers=False),
    Kind.RUN_INTERRUPTED: _signal_run(signal.SIGINT),
    Kind.RUN_TERMINATED: _signal_run(signal.SIGTERM, workers=False),
    Kind.RUN_FROZEN: _freeze(_run_itself),
    Kind.WORKER_KILLED: _kill_worker,
    Kind.POSTGRES_KILLED: _kill(_server("postgres")),
    Kind.BACKEND_KILLED: _kill_backend,
    Kind.BACKEND_ENDED: _terminate_backend,
    Kind.POSTGRES_FROZEN: _freeze(_postgres_tree),
    Kind.CACHE_KILLED: _kill(_server("redis")),
    Kind.CACHE_FROZEN: _freeze(_server("redis")),
    Kind.CACHE_EMPTIED: _restart_cache_empty,
    Kind.SUPERVISOR_KILLED: _kill(_supervisor),
    Kind.SUPERVISOR_FROZEN: _freeze(_supervisor),
    Kind.SERVERS_RESTARTED: _restart_servers,
    Kind.SITE_DOWN: _take_site_down,
    Kind.SITE_FROZEN: _freeze(_site),
    Kind.DISK_FULL: _fill_disk,
    Kind.PART_DAMAGED: _damage_lake_part,
    Kind.TWO_RUNS: _start_two_runs,
    Kind.TWO_RUNS_ONE_KILLED: _kill_one_of_two_runs,
    Kind.CLOCK_STEPPED: _run_with_wrong_clock,
}
