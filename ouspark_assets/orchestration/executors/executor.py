"""The executors, selected by OUSPARK_EXECUTOR, and the locks that every run holds.

Every run holds its liveness lock; with the executors of a single machine, runs also take turns.
Steps in Celery workers are in `celery_steps.py`. Nothing here knows the assets.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import dagster as dg

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.orchestration.executors.ownership import exclusive_run, hold_liveness_lock
from ouspark_assets.settings import RunSettings, Settings, load_settings

# Child processes are forked with everything imported: half a second per step instead of three.
MULTIPROCESS_CONFIG = {
    "start_method": {"forkserver": {"preload_modules": ["ouspark_assets.definitions"]}}
}
# The queue of steps that request pages from the results site. A single worker consumes it, one
# step at a time.
SCRAPING_QUEUE = "scraping"
IN_SCRAPING_QUEUE = {"dagster-celery/queue": SCRAPING_QUEUE}


class OwnedExecutor(dg.Executor):
    """Wraps an executor to hold the run's liveness lock and, with `in_turn`, exclude other runs."""

    def __init__(self, inner: dg.Executor, settings: Settings, *, in_turn: bool) -> None:
        """Wrap an executor."""
        self.inner = inner
        self.settings = settings
        self.in_turn = in_turn

    @property
    def retries(self) -> Any:
        """The retry mode of the wrapped executor."""
        return self.inner.retries

    @property
    def step_dependency_config(self) -> Any:
        """The step dependencies of the wrapped executor."""
        return self.inner.step_dependency_config

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the wrapped executor."""
        return getattr(self.inner, name)

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute every step of a run."""
        run = plan_context.run_id
        hold_liveness_lock(run, self.settings.servers)
        with ExitStack() as turn:
            if self.in_turn:
                turn.enter_context(exclusive_run(run, self.settings.runs, plan_context.log.info))
            yield from self.inner.execute(plan_context, execution_plan)


def select_executor(settings: RunSettings) -> dg.ExecutorDefinition:
    """Return the executor that the settings name."""
    if settings.executor == "celery":
        # Runs execute side by side; scraping and publishing have locks of their own.
        return with_ownership(_create_celery_executor(settings), in_turn=False)
    if settings.executor == "multiprocess":
        multiprocess = dg.multiprocess_executor.configured(MULTIPROCESS_CONFIG)
        return with_ownership(multiprocess, in_turn=True)
    # One process per run: a process per step costs ten times the entire overhead.
    return with_ownership(dg.in_process_executor, in_turn=True)


def require_celery_broker(settings: RunSettings) -> str:
    """Return the broker's URL, if everything is set that workers on several machines need."""
    needed = {
        "OUSPARK_CELERY_BROKER": settings.celery_broker,
        "OUSPARK_DAGSTER_DSN": settings.dagster_dsn,
    }
    missing = [name for name, value in needed.items() if value is None]
    if missing or settings.celery_broker is None:
        message = (
            f"OUSPARK_EXECUTOR is celery: Celery workers need {' and '.join(missing)}: a broker, "
            "and a PostgreSQL for Dagster's own records that every machine can reach. Set what is "
            "missing, or unset OUSPARK_EXECUTOR."
        )
        raise SettingsError(message)
    return settings.celery_broker.get_secret_value()


def _create_celery_executor(settings: RunSettings) -> dg.ExecutorDefinition:
    broker = require_celery_broker(settings)
    try:
        from ouspark_assets.orchestration.executors.celery_steps import create_celery_executor
    except ModuleNotFoundError as error:
        message = (
            f"OUSPARK_EXECUTOR is celery, but {error.name} is not installed. Install "
            "requirements/celery.txt, or the project with its extra 'celery'."
        )
        raise SettingsError(message) from error
    return create_celery_executor(broker)


def apply_backfill_policy(assets: Iterable[Any], settings: RunSettings) -> list[Any]:
    """Return the assets; where runs can go to several machines, backfill one run per release."""
    if settings.executor != "celery":
        return list(assets)
    return [
        asset.with_attributes(backfill_policy=dg.BackfillPolicy.multi_run(1))
        if isinstance(asset, dg.AssetsDefinition) and asset.partitions_def is not None
        else asset
        for asset in assets
    ]


def with_ownership(definition: dg.ExecutorDefinition, *, in_turn: bool) -> dg.ExecutorDefinition:
    """Return the executor wrapped in `OwnedExecutor`, under the same name."""
    create = definition.executor_creation_fn

    def create_owned(context: dg.InitExecutorContext) -> dg.Executor:
        if create is None:
            message = f"The executor {definition.name} cannot be created: it has no function for it"
            raise TypeError(message)
        return OwnedExecutor(create(context), load_settings(), in_turn=in_turn)

    return dg.ExecutorDefinition(
        name=definition.name,
        config_schema=definition.config_schema,  # type: ignore[arg-type]  # as dagster keeps it
        requirements=definition.get_requirements,
        executor_creation_fn=create_owned,
        description=definition.description,
    )
