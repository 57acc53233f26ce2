"""The sensor `alerts`, and the same for commands that run the graph without a daemon.

Look, write down what begins and ends, deliver what is due: thin over `alerts/`.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import open_channels
from ouspark_assets.operations.alerts.deliveries import DeliveryResult, deliver_due
from ouspark_assets.operations.alerts.facts import CommandOutcome
from ouspark_assets.operations.alerts.formatting import format_count
from ouspark_assets.operations.alerts.recording import RecordedChanges, record_evaluation
from ouspark_assets.operations.alerts.rules import evaluate_rules
from ouspark_assets.operations.alerts.rules_file import find_rules_file, read_rules
from ouspark_assets.orchestration.automation.alert_facts import Sources, gather
from ouspark_assets.orchestration.automation.ticks import initial_sensor_status
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment, Production
from ouspark_assets.settings import AutomationSettings

SECONDS_BETWEEN_LOOKS = 30
# Of the minute that Dagster gives a sensor.
SECONDS_FOR_ALL = 45.0
LEAST_SECONDS_TO_DELIVER = 15.0


@dataclass(frozen=True)
class Told:
    """What one look came to."""

    recorded: RecordedChanges
    delivered: DeliveryResult
    unknown: tuple[str, ...]

    def __str__(self) -> str:
        """In one line."""
        said = f"{format_count(self.recorded.open, 'alert')} open"
        if self.delivered.delivered:
            said += f", {format_count(self.delivered.delivered, 'message')} delivered"
        troubles = (*self.delivered.problems, *self.unknown)
        return "; ".join((said, *troubles)) + ("" if troubles else ".")


def alert_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=initial_sensor_status(settings),
        description="Holds how things stand against the alert rules, and delivers what is due.",
    )
    def alerts(
        context: dg.SensorEvaluationContext,
        development: Development,
        production: Production,
        cache_server: CacheServer,
        environment: Environment,
    ) -> dg.SkipReason:
        graph = context.repository_def
        checks = None if graph is None else checks_of(graph)
        sources = Sources(
            context.instance, checks, development, production, cache_server, environment
        )
        return dg.SkipReason(str(look_and_tell(sources)))

    return alerts


def look_and_tell(sources: Sources, command: CommandOutcome | None = None) -> Told:
    """Look at everything, write down what begins and ends, deliver what is due."""
    started = time.monotonic()
    settings = sources.environment.settings
    ruleset = read_rules(find_rules_file(settings.alerts))
    store = AlertStore.in_home(settings.servers.home)
    opened = open_channels(ruleset.channels, os.environ)
    facts = gather(sources, command)
    recorded = record_evaluation(
        store,
        evaluate_rules(ruleset.rules, facts),
        ruleset.rules,
        frozenset(opened.channels),
        settings.alerts.ui_url,
    )
    left = SECONDS_FOR_ALL - (time.monotonic() - started)
    sent = deliver_due(store, opened.channels, max(left, LEAST_SECONDS_TO_DELIVER))
    return Told(recorded, sent, facts.unavailable)


def checks_of(graph: dg.RepositoryDefinition) -> tuple[dg.AssetCheckKey, ...]:
    """Every asset check of a graph."""
    return tuple(sorted(graph.asset_graph.asset_check_keys))


@contextmanager
def alerting(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    command: str,
    tell: Callable[[str], None],
) -> Iterator[None]:
    """Run a command that needs no daemon, and then tell what is to be told, whatever it came to.

    What its user should know of that is told in lines; the command has its own outcome.
    """
    started = datetime.now(UTC)
    error: str | None = "it ended unexpectedly"
    try:
        yield
        error = None
    except OuSparkError as known:
        error = str(known)
        raise
    finally:
        # Whoever interrupts a command knows about it.
        if not isinstance(sys.exception(), KeyboardInterrupt):
            ended = CommandOutcome(command, started, error)
            for line in _told_after(instance, definitions, ended):
                tell(line)


def _told_after(
    instance: dg.DagsterInstance, definitions: dg.Definitions, command: CommandOutcome
) -> tuple[str, ...]:
    try:
        checks = checks_of(definitions.get_repository_def())
        told = look_and_tell(Sources(instance, checks), command)
    except OuSparkError as error:
        return (f"Alerts were not told: {error}",)
    return tuple(f"An alert is not delivered yet; {it}" for it in told.delivered.problems)
