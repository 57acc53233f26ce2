"""Steps in workers of Celery: how both sides meet, and what becomes of the step of a lost worker.

When this executor is chosen is `executor.py`, which alone imports this module: dagster-celery is
an extra. What a worker loads is `celery_worker.py`.
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

# The server may have other tenants.
KEY_PREFIX = "ouspark-celery:"
DAY_SECONDS = 24 * 3600
LOOK_SECONDS, ANSWER_SECONDS = 10.0, 2.0
# A task is missed when no worker has it at so many looks; a step goes to so many workers.
MOST_MISSED, MOST_WORKERS = 3, 3


class WorkerGoneError(OuSparkError):
    """A step was given to one worker after another, and none lived to end it."""


def celery_arguments(broker: str) -> dict[str, Any]:
    """What the run and its workers have to agree on."""
    options: dict[str, Any] = {
        "task_track_started": True,
        "result_expires": DAY_SECONDS,
        "broker_connection_retry_on_startup": True,
        "worker_redirect_stdouts": False,
    }
    if not broker.startswith("redis"):
        return {"broker": broker, "backend": "rpc://", "config_source": options}
    prefix: dict[str, Any] = {"global_keyprefix": KEY_PREFIX}
    options |= {
        # What a killed worker had taken but not begun would come back after an hour only.
        "worker_disable_prefetch": True,
        "broker_transport_options": {**broker_transport_options, **prefix},
        "result_backend_transport_options": prefix,
    }
    if broker.startswith("rediss"):
        verified = {"ssl_cert_reqs": "required"}
        options |= {"broker_use_ssl": verified, "redis_backend_use_ssl": verified}
    return {"broker": broker, "backend": broker, "config_source": options}


def celery_executor_of(broker: str) -> dg.ExecutorDefinition:
    """The executor; the broker's address is part of no configuration that Dagster stores."""
    create_stock: Any = stock_executor.executor_creation_fn

    @dg.executor(
        name="celery",
        config_schema={"retries": CELERY_CONFIG["retries"]},
        requirements=dg.multiple_process_executor_requirements(),
    )
    def celery(context: dg.InitExecutorContext) -> dg.Executor:
        stock: Any = create_stock(context)
        return WatchedCelery(retries=stock.retries, **celery_arguments(broker))

    return celery


class WatchedCelery(CeleryExecutor):
    """dagster-celery's executor, which by itself waits for ever for a worker that was killed."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute the steps, with an eye on the workers."""
        lookouts: list[Lookout] = []

        def submit(app: Celery, context: Any, step: Any, queue: str, *rest: Any) -> StepInAWorker:
            if not lookouts:
                lookouts.append(Lookout(app))
            return StepInAWorker(
                f"Step {step.key}",
                queue,
                lookouts[0],
                submit=lambda: _submitted(app, context, step, queue, *rest),
                tell=context.log.warning,
            )

        yield from core_celery_execution_loop(
            plan_context, execution_plan, step_execution_fn=submit
        )


def _submitted(app: Celery, *step: Any) -> AsyncResult:
    with warnings.catch_warnings():
        # dagster-celery registers the same task again for every step.
        warnings.simplefilter("ignore")
        return _submit_task(app, *step)


class Lookout:
    """Asks all workers now and then who has which task."""

    def __init__(self, app: Celery) -> None:
        """Nothing is looked for yet."""
        self._app = app
        self._missed: dict[str, int] = {}
        self._looked = time.monotonic()

    def is_missed(self, task: str) -> bool:
        """Whether nobody has had the task for several looks."""
        self._missed.setdefault(task, 0)
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._look()
            self._looked = time.monotonic()
        return self._missed[task] >= MOST_MISSED

    def forget(self, task: str) -> None:
        """No longer look for it."""
        self._missed.pop(task, None)

    def waiting_in(self, queue: str) -> bool:
        """Whether any task of this queue waits for a worker."""
        with self._app.connection_for_read() as connection:
            # Asking only whether it exists is not possible behind a prefix of keys (kombu 5.7);
            # declaring it again changes nothing in Redis, and is refused by RabbitMQ.
            passive = connection.transport.driver_type != "redis"
            declared = connection.default_channel.queue_declare(queue, passive=passive)
            return bool(declared.message_count)

    def _look(self) -> None:
        answers = self._app.control.inspect(timeout=ANSWER_SECONDS).query_task(*self._missed)
        held = {task for tasks in (answers or {}).values() for task in tasks}
        for task in self._missed:
            self._missed[task] = 0 if task in held else self._missed[task] + 1


class StepInAWorker:
    """A step that some worker has; when that worker is gone, another one gets it.

    What asset it is does not matter: every one of them may be executed again.
    """

    def __init__(
        self,
        name: str,
        queue: str,
        lookout: Lookout,
        *,
        submit: Callable[[], AsyncResult],
        tell: Callable[[str], None],
    ) -> None:
        """Give it to the first one."""
        self._name, self._queue, self._lookout = name, queue, lookout
        self._submit, self._tell = submit, tell
        self._task = submit()
        self._workers = 1

    def ready(self) -> bool:
        """Whether it has ended, or will never."""
        if not self._is_lost():
            return bool(self._task.ready())
        if self._workers == MOST_WORKERS:
            return True
        self._tell(f"{self._name}: its worker is gone; another one gets it.")
        self._lookout.forget(self._task.id)
        self._task = self._submit()
        self._workers += 1
        return False

    def get(self) -> Any:
        """What came out."""
        self._lookout.forget(self._task.id)
        if not self._task.ready() or isinstance(self._task.result, WorkerLostError):
            message = (
                f"{self._name}: {MOST_WORKERS} workers were lost at it one after another. See "
                "whether their machines have enough memory, and run again."
            )
            raise WorkerGoneError(message)
        return self._task.get()

    def revoke(self) -> None:
        """It is no longer wanted."""
        self._task.revoke()

    def _is_lost(self) -> bool:
        if self._task.ready():
            # The worker lives, and its process that executed the step was killed.
            return isinstance(self._task.result, WorkerLostError)
        return (
            self._lookout.is_missed(self._task.id)
            and not (self._task.state == PENDING and self._lookout.waiting_in(self._queue))
            # It may have ended while we looked.
            and not self._task.ready()
        )
