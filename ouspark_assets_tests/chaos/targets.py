"""Who is struck: the processes of the scene by what they are, found at the moment they are wanted.

What is done to them is `events.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg

from ouspark_assets.services.client import query_supervisor
from ouspark_assets.services.protocol import Request
from ouspark_assets_tests.chaos.processes import command_of, with_descendants
from ouspark_assets_tests.chaos.runs import Run
from ouspark_assets_tests.chaos.system_under_test import Scene

Target = Callable[[Scene, Run], Sequence[int]]
WORKER = "ouspark_assets.pages.worker"
STATUS_SECONDS = 60.0
BACKENDS = """
SELECT pid FROM pg_stat_activity
 WHERE application_name LIKE 'ouspark%' AND backend_type = 'client backend' ORDER BY pid
"""


def server(name: str) -> Target:
    """The main process of an embedded server."""

    def pids(scene: Scene, run: Run) -> Sequence[int]:
        del run
        answer = query_supervisor(scene.home, Request("status"), STATUS_SECONDS)
        found = [it.pid for it in answer.reports if it.name == name] if answer else []
        return [pid for pid in found if pid is not None]

    return pids


def postgres_and_backends(scene: Scene, run: Run) -> Sequence[int]:
    """Every process of PostgreSQL: those that serve a connection go on without their parent."""
    return [pid for main in server("postgres")(scene, run) for pid in with_descendants(main)]


def supervisor(scene: Scene, run: Run) -> Sequence[int]:
    """The process that keeps the embedded servers."""
    del run
    answer = query_supervisor(scene.home, Request("status"), STATUS_SECONDS)
    return [answer.supervisor_pid] if answer else []


def site(scene: Scene, run: Run) -> Sequence[int]:
    """The results site."""
    del run
    return [scene.site.pid]


def the_run(scene: Scene, run: Run) -> Sequence[int]:
    """The run itself."""
    del scene
    return [] if run.is_over else [run.pid]


def backends(scene: Scene) -> list[int]:
    """The backends that serve the pipeline now."""
    with suppress(psycopg.Error), administering(scene) as connection:
        return [int(row[0]) for row in connection.execute(BACKENDS).fetchall()]
    return []


@contextmanager
def administering(scene: Scene) -> Iterator[psycopg.Connection]:
    """A connection that starts no server and is not taken for one of the pipeline's."""
    with psycopg.connect(scene.servers.dev_dsn, autocommit=True, connect_timeout=5) as connection:
        yield connection


def workers_of(run: Run) -> list[int]:
    """The processes that read pages for a run."""
    return [pid for pid in with_descendants(run.pid) if WORKER in command_of(pid)]
