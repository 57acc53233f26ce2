"""What each kind of event does to the scene.

Most strike while a run is at work and wait for its end; what must hold afterwards is
`always.py`. An event that can't be had on this machine says why, and is left out.
"""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import redis

from ouspark_assets_tests.chaos.damaged_parts import part_damaged
from ouspark_assets_tests.chaos.processes import send
from ouspark_assets_tests.chaos.runs import Run
from ouspark_assets_tests.chaos.steps import Kind, NotHereError, Step
from ouspark_assets_tests.chaos.system_under_test import STAGE_SECONDS, Scene
from ouspark_assets_tests.chaos.targets import (
    Target,
    administering,
    backends,
    postgres_and_backends,
    server,
    site,
    supervisor,
    the_run,
    workers_of,
)
from ouspark_assets_tests.chaos.waiting import comes_true

Event = Callable[[Scene, Step], None]
FAKETIME = "faketime"
CLOCKS = ("+1d", "-1d", "+400d", "-400d", "+90s", "-90s")


def happen(scene: Scene, step: Step) -> None:
    """Let an event happen, and count it."""
    try:
        EVENTS[step.kind](scene, step)
    except NotHereError as why:
        scene.tally.skipped[step.kind] = str(why)
    else:
        scene.tally.events[step.kind] += 1


@contextmanager
def _struck(scene: Scene, step: Step) -> Iterator[Run]:
    """A run that is at the step's moment; afterwards it is waited for."""
    scene.prepare(step.work)
    run = scene.begin_run()
    scene.await_moment(run, step.moment)
    yield run
    scene.finish(run)


def _signalled(number: signal.Signals, *, workers: bool = True) -> Event:
    def event(scene: Scene, step: Step) -> None:
        with _struck(scene, step) as run:
            run.send(number, workers=workers)

    return event


def _frozen(pids_of: Target) -> Event:
    """Somebody stands still for as long as the step says, and goes on."""

    def event(scene: Scene, step: Step) -> None:
        with _struck(scene, step) as run:
            pids = pids_of(scene, run)
            send(signal.SIGSTOP, pids)
            try:
                time.sleep(step.hold)
            finally:
                send(signal.SIGCONT, pids)

    return event


def _killed(pids_of: Target) -> Event:
    def event(scene: Scene, step: Step) -> None:
        with _struck(scene, step) as run:
            send(signal.SIGKILL, pids_of(scene, run))

    return event


def _backend_killed(scene: Scene, step: Step) -> None:
    with _struck(scene, step):
        pids = backends(scene)
        send(signal.SIGKILL, pids[int(step.choice * len(pids)) :][:1])


def _backend_ended(scene: Scene, step: Step) -> None:
    with _struck(scene, step), suppress(psycopg.Error), administering(scene) as connection:
        pids = backends(scene)
        for pid in pids[int(step.choice * len(pids)) :][:1]:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def _worker_killed(scene: Scene, step: Step) -> None:
    """Every page is read again, by workers if there are pages enough for them."""
    scene.prepare(step.work)
    run = scene.begin("rebuild")
    comes_true(lambda: run.is_over or bool(workers_of(run)), STAGE_SECONDS)
    comes_true(lambda: run.is_over, step.moment.delay)
    workers = workers_of(run)
    send(signal.SIGKILL, workers[int(step.choice * len(workers)) :][:1])
    scene.finish(run)
    if not workers:
        message = "no release has pages enough for workers (2,000; --students 2400)"
        raise NotHereError(message)


def _servers_restarted(scene: Scene, step: Step) -> None:
    with _struck(scene, step):
        scene.completed("services", "down")
        scene.completed("services", "up")


def _cache_emptied(scene: Scene, step: Step) -> None:
    """As a server that keeps nothing on its disk would be after a restart."""
    with _struck(scene, step) as run:
        with suppress(redis.RedisError), scene.pipeline.cache() as cache:
            cache.config_set("save", "")
            cache.flushall()
            cache.save()
        send(signal.SIGKILL, server("redis")(scene, run))


def _site_down(scene: Scene, step: Step) -> None:
    with _struck(scene, step):
        scene.site.kill()
        time.sleep(step.hold)
        scene.site.start()


def _disk_full(scene: Scene, step: Step) -> None:
    with _struck(scene, step) as run, scene.disk.full(run.pid):
        comes_true(lambda: run.is_over, step.hold)


def _two_runs(scene: Scene, step: Step) -> None:
    scene.prepare(step.work)
    one = scene.begin_run()
    comes_true(lambda: one.is_over, step.moment.delay)
    other = scene.begin_run()
    for run in (one, other):
        scene.finish(run, must_succeed=True)


def _two_runs_one_killed(scene: Scene, step: Step) -> None:
    scene.prepare(step.work)
    runs = [scene.begin_run(), scene.begin_run()]
    victim = runs[int(step.choice * len(runs))]
    scene.await_moment(victim, step.moment)
    victim.send(signal.SIGKILL)
    for run in runs:
        scene.finish(run, must_succeed=run is not victim)


def _clock_stepped(scene: Scene, step: Step) -> None:
    if shutil.which(FAKETIME) is None:
        message = f"there is no {FAKETIME} on the path"
        raise NotHereError(message)
    scene.prepare(step.work)
    clock = CLOCKS[int(step.choice * len(CLOCKS))]
    run = scene.begin("run", "--all", before=(FAKETIME, "-f", clock))
    scene.finish(run, must_succeed=True)


EVENTS: dict[Kind, Event] = {
    Kind.RUN_KILLED: _signalled(signal.SIGKILL),
    Kind.RUN_KILLED_ALONE: _signalled(signal.SIGKILL, workers=False),
    Kind.RUN_INTERRUPTED: _signalled(signal.SIGINT),
    Kind.RUN_TERMINATED: _signalled(signal.SIGTERM, workers=False),
    Kind.RUN_FROZEN: _frozen(the_run),
    Kind.WORKER_KILLED: _worker_killed,
    Kind.POSTGRES_KILLED: _killed(server("postgres")),
    Kind.BACKEND_KILLED: _backend_killed,
    Kind.BACKEND_ENDED: _backend_ended,
    Kind.POSTGRES_FROZEN: _frozen(postgres_and_backends),
    Kind.CACHE_KILLED: _killed(server("redis")),
    Kind.CACHE_FROZEN: _frozen(server("redis")),
    Kind.CACHE_EMPTIED: _cache_emptied,
    Kind.SUPERVISOR_KILLED: _killed(supervisor),
    Kind.SUPERVISOR_FROZEN: _frozen(supervisor),
    Kind.SERVERS_RESTARTED: _servers_restarted,
    Kind.SITE_DOWN: _site_down,
    Kind.SITE_FROZEN: _frozen(site),
    Kind.DISK_FULL: _disk_full,
    Kind.PART_DAMAGED: part_damaged,
    Kind.TWO_RUNS: _two_runs,
    Kind.TWO_RUNS_ONE_KILLED: _two_runs_one_killed,
    Kind.CLOCK_STEPPED: _clock_stepped,
}
