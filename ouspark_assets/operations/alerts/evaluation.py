"""One evaluation of the alert rules: facts in, alerts recorded, messages delivered.

Who gathers the facts is up to the caller: the sensor and commands gather those of the pipeline, the
monitor those about the health of the processes. Facts that a caller does not know are None.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import open_channels
from ouspark_assets.operations.alerts.deliveries import DeliveryResult, deliver_due
from ouspark_assets.operations.alerts.facts import Facts
from ouspark_assets.operations.alerts.formatting import format_count
from ouspark_assets.operations.alerts.recording import RecordedChanges, record_evaluation
from ouspark_assets.operations.alerts.rules import evaluate_rules
from ouspark_assets.operations.alerts.rules_file import find_rules_file, read_rules
from ouspark_assets.settings import Settings

# Dagster ends a tick after a minute.
TICK_TIMEOUT = 45.0
MIN_DELIVERY_TIMEOUT = 15.0


@dataclass(frozen=True)
class AlertSummary:
    """The outcome of one evaluation: alerts recorded, messages delivered, facts unavailable."""

    recorded: RecordedChanges
    delivered: DeliveryResult
    unavailable: tuple[str, ...]

    def __str__(self) -> str:
        """Return the summary as one line."""
        line = f"{format_count(self.recorded.open, 'alert')} open"
        if self.delivered.delivered:
            line += f", {format_count(self.delivered.delivered, 'message')} delivered"
        problems = (*self.delivered.problems, *self.unavailable)
        return "; ".join((line, *problems)) + ("" if problems else ".")


def evaluate_facts(settings: Settings, gather: Callable[[], Facts]) -> AlertSummary:
    """Evaluate the rules, record which alerts begin and end, and deliver what is due."""
    started = time.monotonic()
    ruleset = read_rules(find_rules_file(settings.alerts))
    store = AlertStore.in_home(settings.servers.home)
    opened = open_channels(ruleset.channels, os.environ)
    facts = gather()
    recorded = record_evaluation(
        store,
        evaluate_rules(ruleset.rules, facts),
        ruleset.rules,
        frozenset(opened.channels),
        settings.alerts.ui_url,
    )
    left = TICK_TIMEOUT - (time.monotonic() - started)
    sent = deliver_due(store, opened.channels, max(left, MIN_DELIVERY_TIMEOUT))
    return AlertSummary(recorded, sent, facts.unavailable)
