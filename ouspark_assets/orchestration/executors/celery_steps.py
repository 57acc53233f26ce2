"""Steps in Celery workers: the configuration both sides share, and resubmission after worker loss.

Imported by `executor.py` only when Celery is configured, because dagster-celery is an optional
extra. The app that workers load is in `celery_worker.py`.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
from celery import Celery
from celery.exceptions import WorkerLostError
from celery.result import AsyncResult
from celery.states import PENDING
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.defaults import broker_transport_options
from dagster_celery.executor import CELERY_CONFIG, CeleryExecutor, _submit_task
from dagster_celery.executor import celery_executor as stock_executor

from ouspark_assets.domain.errors import OuSparkError

# Other applications may use the same Redis server.
KEY_PREFIX = "ouspark-celery:"
RESULT_EXPIRY_SECONDS = 24 * 3600
INSPECTION_INTERVAL, INSPECTION_TIMEOUT = 10.0, 2.0
# A task counts as lost when no worker reports it in this many inspections in a row.
MAX_INSPECTIONS_MISSED = 3
# A step is submitted at most this many times.
MAX_WORKERS = 3


class WorkerGoneError(OuSparkError):
    """A step was submitted to several workers, and every one was lost while executing it."""


def celery_arguments(broker: str) -> dict[str, Any]:
    """Return the configuration that the run and its workers must share."""
    options: dict[str, Any] = {
        "task_track_started": True,
        "result_expires": RESULT_EXPIRY_SECONDS,
        "broker_connection_retry_on_startup": True,
        "worker_redirect_stdouts": False,
    }
    if not broker.startswith("redis"):
        return {"broker": broker, "backend": "rpc://", "config_source": options}
    prefix: dict[str, Any] = {"global_keyprefix": KEY_PREFIX}
    options |= {
        # Without this, a task that a killed worker had reserved but not started would be
        # redelivered only after an hour.
        "worker_disable_prefetch": True,
        "broker_transport_options": {**broker_transport_options, **prefix},
        "result_backend_transport_options": prefix,
    }
    if broker.startswith("rediss"):
        verified = {"ssl_cert_reqs": "required"}
        options |= {"broker_use_ssl": verified, "redis_backend_use_ssl": verified}
    return {"broker": broker, "backend": broker, "config_source": options}


def create_celery_executor(broker: str) -> dg.ExecutorDefinition:
    """Return the executor; the broker's URL is in no configuration that Dagster stores."""
    create_stock: Any = stock_executor.executor_creation_fn

    @dg.executor(
        name="celery",
        config_schema={"retries": CELERY_CONFIG["retries"]},
        requirements=dg.multiple_process_executor_requirements(),
    )
    def celery(context: dg.InitExecutorContext) -> dg.Executor:
        stock: Any = create_stock(context)
        return MonitoredCeleryExecutor(retries=stock.retries, **celery_arguments(broker))

    return celery


class MonitoredCeleryExecutor(CeleryExecutor):
    """dagster-celery's executor, which by itself waits forever for a worker that was killed."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute the steps and resubmit those whose worker is lost."""
        monitors: list[TaskMonitor] = []

        def submit(app: Celery, context: Any, step: Any, queue: str, *rest: Any) -> WorkerStep:
            if not monitors:
                monitors.append(TaskMonitor(app))
            return WorkerStep(
                f"Step {step.key}",
                queue,
                monitors[0],
                submit=lambda: _submit(app, context, step, queue, *rest),
                warn=context.log.warning,
            )

        yield from core_celery_execution_loop(
            plan_context, execution_plan, step_execution_fn=submit
        )


def _submit(app: Celery, *step: Any) -> AsyncResult:
    with warnings.catch_warnings():
        # dagster-celery registers the same task again for every step.
        warnings.simplefilter("ignore")
        return _submit_task(app, *step)


class TaskMonitor:
    """Asks all workers at intervals which tasks they have, to detect lost ones."""

    def __init__(self, app: Celery) -> None:
        """Start without any task."""
        self._app = app
        self._missed: dict[str, int] = {}
        self._inspected_at = time.monotonic()

    def is_lost(self, task: str) -> bool:
        """Return whether no worker has reported the task in the last inspections."""
        self._missed.setdefault(task, 0)
        if time.monotonic() - self._inspected_at >= INSPECTION_INTERVAL:
            inspection = self._app.control.inspect(timeout=INSPECTION_TIMEOUT)
            answers = inspection.query_task(*self._missed) or {}
            held = {task for tasks in answers.values() for task in tasks}
            for known in self._missed:
                self._missed[known] = 0 if known in held else self._missed[known] + 1
            self._inspected_at = time.monotonic()
        return self._missed[task] >= MAX_INSPECTIONS_MISSED

    def forget(self, task: str) -> None:
        """Stop monitoring a task."""
        self._missed.pop(task, None)

    def has_waiting_tasks(self, queue: str) -> bool:
        """Return whether any task of this queue waits for a worker."""
        with self._app.connection_for_read() as connection:
            # A passive declaration does not work with a key prefix (kombu 5.7). Declaring the
            # queue again changes nothing in Redis; RabbitMQ refuses it.
            passive = connection.transport.driver_type != "redis"
            declared = connection.default_channel.queue_declare(queue, passive=passive)
            return bool(declared.message_count)


class WorkerStep:
    """A step submitted to a worker, and resubmitted when that worker is lost.

    This is safe for every asset, because all of them may be executed again.
    """

    def __init__(
        self,
        name: str,
        queue: str,
        monitor: TaskMonitor,
        *,
        submit: Callable[[], AsyncResult],
        warn: Callable[[str], None],
    ) -> None:
        """Submit it for the first time."""
        self._name, self._queue, self._monitor = name, queue, monitor
        self._submit, self._warn = submit, warn
        self._task = submit()
        self._submissions = 1

    def ready(self) -> bool:
        """Return whether the step has ended or been given up; resubmit it if it was lost."""
        if not self._is_lost():
            return bool(self._task.ready())
        if self._submissions == MAX_WORKERS:
            return True
        self._warn(f"{self._name}: its worker is gone; the step was submitted again.")
        self._monitor.forget(self._task.id)
        self._task = self._submit()
        self._submissions += 1
        return False

    def get(self) -> Any:
        """Return the result of the step, or raise its error."""
        self._monitor.forget(self._task.id)
        if not self._task.ready() or isinstance(self._task.result, WorkerLostError):
            message = (
                f"{self._name}: {MAX_WORKERS} workers were lost one after another while executing "
                "it. Check whether their machines have enough memory, then run again."
            )
            raise WorkerGoneError(message)
        return self._task.get()

    def revoke(self) -> None:
        """Cancel the step."""
        self._task.revoke()

    def _is_lost(self) -> bool:
        if self._task.ready():
            # The worker is alive, but its process that executed the step was killed.
            return isinstance(self._task.result, WorkerLostError)
        return (
            self._monitor.is_lost(self._task.id)
            and not (self._task.state == PENDING and self._monitor.has_waiting_tasks(self._queue))
            # It may have ended during the inspection.
            and not self._task.ready()
        )
