"""How the steps of a run are executed, chosen by one setting; and what every run does around them.

A run shows a sign of life for as long as its process lives, and in one process takes its turn.
Nothing of the graph is known here.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dagster as dg

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.orchestration.executors.ownership import show_life, turn
from ouspark_assets.settings import RunSettings, Settings, load_settings

# A child begins with everything imported: half a second for each step instead of three.
CHILDREN = {"start_method": {"forkserver": {"preload_modules": ["ouspark_assets.definitions"]}}}
# The one queue of steps that ask the results site; a single worker takes from it, one at a time.
SCRAPING_QUEUE = "scraping"
IN_SCRAPING_QUEUE = {"dagster-celery/queue": SCRAPING_QUEUE}


class OwnedExecutor(dg.Executor):
    """Another executor's work, with a sign of life and, if asked for, in turn."""

    def __init__(self, inner: dg.Executor, settings: Settings, *, in_turn: bool) -> None:
        """Wrap an executor."""
        self.inner = inner
        self.settings = settings
        self.in_turn = in_turn

    @property
    def retries(self) -> Any:
        """Those of the executor inside."""
        return self.inner.retries

    @property
    def step_dependency_config(self) -> Any:
        """That of the executor inside."""
        return self.inner.step_dependency_config

    def __getattr__(self, name: str) -> Any:
        """Whatever else the executor inside is asked for."""
        return getattr(self.inner, name)

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute every step of a run."""
        run = plan_context.run_id
        show_life(run, self.settings.servers)
        waiting: AbstractContextManager[None] = (
            turn(run, self.settings.runs, plan_context.log.info) if self.in_turn else nullcontext()
        )
        with waiting:
            yield from self.inner.execute(plan_context, execution_plan)


def executor_of(settings: RunSettings) -> dg.ExecutorDefinition:
    """The executor that the settings ask for."""
    if settings.executor == "celery":
        # Runs work beside each other; what only one may do at a time has a lock of its own.
        return owned(_celery(settings), in_turn=False)
    if settings.executor == "multiprocess":
        return owned(dg.multiprocess_executor.configured(CHILDREN), in_turn=True)
    # One process per run: a process per step costs ten times the whole overhead.
    return owned(dg.in_process_executor, in_turn=True)


def celery_broker_of(settings: RunSettings) -> str:
    """The broker's address, if all is set that workers on several machines need."""
    needed = {
        "OUSPARK_CELERY_BROKER": settings.celery_broker,
        "OUSPARK_DAGSTER_DSN": settings.dagster_dsn,
    }
    missing = [name for name, value in needed.items() if value is None]
    if missing or settings.celery_broker is None:
        message = (
            f"Steps in workers of Celery need {' and '.join(missing)}: a broker, and a PostgreSQL "
            "for Dagster's own records that every machine reaches. Set it, or leave "
            "OUSPARK_EXECUTOR out."
        )
        raise SettingsError(message)
    return settings.celery_broker.get_secret_value()


def _celery(settings: RunSettings) -> dg.ExecutorDefinition:
    broker = celery_broker_of(settings)
    try:
        from ouspark_assets.orchestration.executors.celery_steps import celery_executor_of
    except ModuleNotFoundError as error:
        message = (
            f"OUSPARK_EXECUTOR is celery, and {error.name} is not installed: install the locked "
            "requirements/celery.txt, or the project with its extra 'celery'."
        )
        raise SettingsError(message) from None
    return celery_executor_of(broker)


def spread(assets: Iterable[Any], settings: RunSettings) -> list[Any]:
    """The assets, with a run per release where runs can go to several machines."""
    if settings.executor != "celery":
        return list(assets)
    return [
        it.with_attributes(backfill_policy=dg.BackfillPolicy.multi_run(1))
        if isinstance(it, dg.AssetsDefinition) and it.partitions_def is not None
        else it
        for it in assets
    ]


def owned(definition: dg.ExecutorDefinition, *, in_turn: bool) -> dg.ExecutorDefinition:
    """The same executor under the same name, with what every run does around it."""
    create = definition.executor_creation_fn

    def wrapped(context: dg.InitExecutorContext) -> dg.Executor:
        if create is None:
            message = f"The executor {definition.name} can't be created"
            raise TypeError(message)
        return OwnedExecutor(create(context), load_settings(), in_turn=in_turn)

    return dg.ExecutorDefinition(
        name=definition.name,
        config_schema=definition.config_schema,  # type: ignore[arg-type]  # as dagster keeps it
        requirements=definition.get_requirements,
        executor_creation_fn=wrapped,
        description=definition.description,
    )
