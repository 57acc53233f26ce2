"""How the steps of a run are executed, chosen by one setting; and what every run does around them.

A run shows a sign of life for as long as its process lives, and in one process takes its turn.
Nothing of the graph is known here.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dagster as dg

from ouspark_assets.ownership import show_life, turn
from ouspark_assets.settings import Settings


class OwnedExecutor(dg.Executor):
    """Another executor's work, with a sign of life and, if asked for, in turn."""

    def __init__(self, inner: dg.Executor, *, in_turn: bool) -> None:
        """Wrap an executor."""
        self.inner = inner
        self.in_turn = in_turn

    @property
    def retries(self) -> Any:
        """Those of the executor inside."""
        return self.inner.retries

    @property
    def step_dependency_config(self) -> Any:
        """That of the executor inside."""
        return self.inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute every step of a run."""
        run = plan_context.run_id
        show_life(run)
        waiting: AbstractContextManager[None] = (
            turn(run, plan_context.log.info) if self.in_turn else nullcontext()
        )
        with waiting:
            yield from self.inner.execute(plan_context, execution_plan)


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """The executor that the settings ask for."""
    del settings
    # One process per run: a process per step costs ten times the whole overhead.
    return owned(dg.in_process_executor, in_turn=True)


def owned(definition: dg.ExecutorDefinition, *, in_turn: bool) -> dg.ExecutorDefinition:
    """The same executor under the same name, with what every run does around it."""
    create = definition.executor_creation_fn

    def wrapped(context: dg.InitExecutorContext) -> dg.Executor:
        if create is None:
            message = f"The executor {definition.name} can't be created"
            raise TypeError(message)
        return OwnedExecutor(create(context), in_turn=in_turn)

    return dg.ExecutorDefinition(
        name=definition.name,
        config_schema=definition.config_schema,  # type: ignore[arg-type]  # as dagster keeps it
        requirements=definition.get_requirements,
        executor_creation_fn=wrapped,
        description=definition.description,
    )
