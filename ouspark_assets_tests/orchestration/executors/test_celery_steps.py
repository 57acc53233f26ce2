"""Steps whose worker is lost are submitted again: a real broker, workers played by the test."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from celery import Celery
from celery.exceptions import WorkerLostError
from celery.result import AsyncResult
from dagster_celery.make_app import make_app

from ouspark_assets.orchestration.executors import celery_steps
from ouspark_assets.orchestration.executors.celery_steps import (
    KEY_PREFIX,
    MAX_WORKERS,
    TaskMonitor,
    WorkerGoneError,
    WorkerStep,
    celery_arguments,
)
from ouspark_assets.services import Endpoints

# Celery's own use of redis-py.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

QUEUE = "scraping"
INSPECTIONS = 8


@dataclass
class Steps:
    """A queue of the broker that only the test consumes."""

    app: Celery
    tasks: list[AsyncResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def submit(self) -> AsyncResult:
        self.tasks.append(self.app.send_task("execute_plan", queue=QUEUE))
        return self.tasks[-1]

    def start(self) -> WorkerStep:
        monitor = TaskMonitor(self.app)
        return WorkerStep("Step raw", QUEUE, monitor, submit=self.submit, warn=self.warnings.append)

    def take(self) -> str:
        """Take a task from the queue and mark it as started, as a worker does; return its id."""
        with self.app.connection_for_read() as connection:
            message = connection.SimpleQueue(QUEUE).get(block=False)
            message.ack()
        task = str(message.headers["id"])
        self.app.backend.mark_as_started(task, pid=1, hostname="gone@nowhere")
        return task


@pytest.fixture
def steps(servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    monkeypatch.setattr(celery_steps, "INSPECTION_INTERVAL", 0.0)
    monkeypatch.setattr(celery_steps, "INSPECTION_TIMEOUT", 0.05)
    broker = f"{servers.redis_url.rsplit('/', 1)[0]}/9"
    with make_app(celery_arguments(broker)) as app:
        yield Steps(app)
        app.backend.client.flushdb()


def inspect_repeatedly(step: WorkerStep) -> list[bool]:
    return [step.ready() for _ in range(INSPECTIONS)]


def test_a_step_waits_for_a_free_worker_without_a_limit(steps: Steps) -> None:
    assert not any(inspect_repeatedly(steps.start()))
    assert len(steps.tasks) == 1
    assert not steps.warnings


def test_the_step_of_a_lost_worker_is_submitted_again(steps: Steps) -> None:
    step = steps.start()
    steps.take()
    assert not any(inspect_repeatedly(step))  # by now it is in the queue again
    second = steps.take()
    steps.app.backend.mark_as_done(second, ["events"])
    assert step.ready()
    assert step.get() == ["events"]
    assert len(steps.warnings) == len(steps.tasks) - 1 == 1


def test_a_step_whose_process_was_killed_is_submitted_again_at_once(steps: Steps) -> None:
    step = steps.start()
    steps.app.backend.mark_as_failure(steps.take(), WorkerLostError("signal 9"))
    assert not step.ready()
    assert len(steps.tasks) == 2


def test_a_step_that_loses_every_worker_fails_with_advice(steps: Steps) -> None:
    step = steps.start()
    for _ in range(MAX_WORKERS):
        assert not step.ready()
        steps.app.backend.mark_as_failure(steps.take(), WorkerLostError("signal 9"))
    assert step.ready()
    assert len(steps.tasks) == MAX_WORKERS
    with pytest.raises(WorkerGoneError, match="Step raw: 3 workers were lost"):
        step.get()


def test_an_error_of_the_step_is_not_a_lost_worker(steps: Steps) -> None:
    step = steps.start()
    steps.app.backend.mark_as_failure(steps.take(), ValueError("a fault"))
    assert step.ready()
    with pytest.raises(ValueError, match="a fault"):
        step.get()


def test_all_keys_have_the_prefix_so_that_the_server_can_be_shared(steps: Steps) -> None:
    step = steps.start()
    steps.app.backend.mark_as_done(steps.take(), [])
    assert step.ready()
    keys = list(steps.app.backend.client.scan_iter())
    assert keys
    assert all(key.startswith(KEY_PREFIX.encode()) for key in keys)


def test_workers_do_not_prefetch_tasks() -> None:
    app = make_app(celery_arguments("rediss://:secret@broker.example.org/1"))
    assert app.conf.worker_prefetch_multiplier == 1 or app.conf.worker_disable_prefetch
    assert app.conf.task_track_started
    assert app.conf.broker_use_ssl == {"ssl_cert_reqs": "required"}


def test_rabbitmq_returns_results_through_rpc() -> None:
    arguments = celery_arguments("amqp://user:secret@broker.example.org//")
    assert arguments["backend"] == "rpc://"
    assert make_app(arguments).conf.task_track_started
