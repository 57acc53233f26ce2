"""Evaluates the alert rules and delivers messages: by the sensor `alerts`, or after a command.

Gathering facts is in `alert_facts.py`; rules, records and deliveries are in `operations/alerts/`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError, UsageError
from ouspark_assets.operations.alerts.evaluation import AlertSummary, evaluate_facts
from ouspark_assets.operations.alerts.facts import CommandOutcome
from ouspark_assets.orchestration.automation.alert_facts import FactSources, gather_facts
from ouspark_assets.orchestration.automation.ticks import initial_sensor_status
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment, Production
from ouspark_assets.settings import AutomationSettings

ALERTS_INTERVAL = 30


def alert_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """Return the sensor that evaluates the alert rules."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=ALERTS_INTERVAL,
        default_status=initial_sensor_status(settings),
        description="Evaluates the alert rules and delivers the messages that are due.",
    )
    def alerts(
        context: dg.SensorEvaluationContext,
        development: Development,
        production: Production,
        cache_server: CacheServer,
        environment: Environment,
    ) -> dg.SkipReason:
        graph = context.repository_def
        checks = None if graph is None else list_check_keys(graph)
        sources = FactSources(
            context.instance, checks, development, production, cache_server, environment
        )
        return dg.SkipReason(str(evaluate_alerts(sources)))

    return alerts


def evaluate_alerts(sources: FactSources, command: CommandOutcome | None = None) -> AlertSummary:
    """Evaluate the rules against everything that can be known about the pipeline."""
    return evaluate_facts(sources.environment.settings, lambda: gather_facts(sources, command))


def list_check_keys(graph: dg.RepositoryDefinition) -> tuple[dg.AssetCheckKey, ...]:
    """Return the key of every asset check of a graph."""
    return tuple(sorted(graph.asset_graph.asset_check_keys))


@contextmanager
def alerts_after(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    command: str,
    notify: Callable[[str], None],
) -> Iterator[None]:
    """Evaluate the alerts after the block, whether it succeeds or fails.

    For commands that run the graph without a daemon. Problems with alerts are passed to `notify`
    and do not change the outcome of the command.
    """
    started = datetime.now(UTC)
    error: str | None = "it ended unexpectedly"
    try:
        yield
        error = None
    except OuSparkError as raised:
        error = str(raised)
        raise
    finally:
        # Not after Ctrl-C or a typing error: the operator at the terminal knows about it, and it
        # says nothing about the pipeline, so that it must not end an open alert either.
        if not isinstance(sys.exception(), KeyboardInterrupt | UsageError):
            outcome = CommandOutcome(command, started, error)
            for problem in _evaluate_after_command(instance, definitions, outcome):
                notify(problem)


def _evaluate_after_command(
    instance: dg.DagsterInstance, definitions: dg.Definitions, command: CommandOutcome
) -> tuple[str, ...]:
    try:
        checks = list_check_keys(definitions.get_repository_def())
        summary = evaluate_alerts(FactSources(instance, checks), command)
    except OuSparkError as error:
        return (f"Alerts were not evaluated: {error}",)
    return tuple(
        f"An alert was not delivered yet: {problem}" for problem in summary.delivered.problems
    )
