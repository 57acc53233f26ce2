"""`ouspark alerts`: the rules, the channels, the open alerts, the pending deliveries.

Only output is decided here. Rules, store and channels are in `operations/alerts/`, the evaluation
is in `orchestration/automation/alert_evaluation.py`.
"""

import os
import time
from dataclasses import asdict
from datetime import timedelta

import click

from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import open_channels
from ouspark_assets.operations.alerts.deliveries import deliver_due, make_all_due
from ouspark_assets.operations.alerts.formatting import (
    format_count,
    format_duration,
    format_percent,
    format_time,
)
from ouspark_assets.operations.alerts.messages import create_test_message
from ouspark_assets.operations.alerts.rules import AssetRule, ReleaseRule, Rule
from ouspark_assets.operations.alerts.rules_file import find_rules_file, read_rules
from ouspark_assets.settings import load_settings

DELIVERY_TIMEOUT = 60.0


def show_rules(*, as_json: bool) -> None:
    """Check the rules file and show its rules."""
    path = find_rules_file(load_settings().alerts)
    rows = [
        {
            "rule": rule.name,
            "when": " ".join((rule.when, *_thresholds(rule))),
            "only": ", ".join((*getattr(rule, "releases", ()), *getattr(rule, "assets", ()))),
            "severity": rule.severity.value,
            "channels": ", ".join(rule.channels),
            "reminder": (
                "never" if rule.remind_after is None else format_duration(rule.remind_after)
            ),
        }
        for rule in read_rules(path).rules
    ]
    if as_json:
        show_json({"file": str(path), "rules": rows})
        return
    show_table(f"Alert rules of {path}", rows)


def show_channels(*, as_json: bool) -> None:
    """Show the channels, and why some are inactive."""
    ruleset = read_rules(find_rules_file(load_settings().alerts))
    opened = open_channels(ruleset.channels, os.environ)
    rows = [
        {
            "channel": name,
            "type": channel.type,
            "state": "active" if name in opened.channels else "inactive",
            "why": opened.inactive.get(name),
            "rules": sum(name in rule.channels for rule in ruleset.rules),
        }
        for name, channel in ruleset.channels.items()
    ]
    if as_json:
        show_json(rows)
        return
    show_table("Alert channels", rows, right=("rules",))


def list_alerts(*, as_json: bool, last: int) -> None:
    """List open alerts, recent alerts and news, and pending deliveries."""
    overview = AlertStore.in_home(load_settings().servers.home).read_overview(last)
    if as_json:
        show_json(asdict(overview))
        return
    open_alerts: list[dict[str, object]] = [
        {
            "severity": alert.severity,
            "since": format_time(alert.since),
            "what": alert.headline,
            "rule": alert.rule,
            "told": ", ".join(alert.told) or "nobody",
        }
        for alert in overview.open
    ]
    recent_alerts: list[dict[str, object]] = [
        {
            "severity": alert.severity,
            "since": format_time(alert.since),
            "lasted": (
                "" if alert.is_news else format_duration((alert.ended or alert.since) - alert.since)
            ),
            "what": alert.headline,
            "told": ", ".join(alert.told) or "nobody",
        }
        for alert in overview.recent
    ]
    deliveries: list[dict[str, object]] = [
        {
            "channel": delivery.channel,
            "what": f"{delivery.event}: {delivery.headline}",
            "attempts": delivery.attempts,
            "next": format_time(delivery.due),
            "error": delivery.error,
        }
        for delivery in overview.undelivered
    ]
    show_table("Open alerts", open_alerts)
    show_table("Recent alerts and news", recent_alerts)
    show_table("Pending deliveries", deliveries, right=("attempts",))


def test_channel(channel: str) -> None:
    """Send a test message to CHANNEL."""
    path = find_rules_file(load_settings().alerts)
    channels = read_rules(path).channels
    if channel not in channels:
        known = ", ".join(channels) or "none"
        message = f"{path} has no channel {channel!r}. Its channels: {known}."
        raise AlertsError(message)
    note = channels[channel].open(channel, os.environ).send_test(create_test_message(channel))
    click.echo(f"Sent a test message to {channel}." if note is None else f"{channel}: {note}.")


def send_messages(*, look: bool) -> None:
    """Deliver all pending messages now, even if not yet due."""
    settings = load_settings()
    ruleset = read_rules(find_rules_file(settings.alerts))
    store = AlertStore.in_home(settings.servers.home)
    if look:
        _evaluate()
    make_all_due(store, time.time())
    opened = open_channels(ruleset.channels, os.environ)
    result = deliver_due(store, opened.channels, DELIVERY_TIMEOUT)
    click.echo(f"{format_count(result.delivered, 'message')} delivered.")
    if result.problems:
        message = f"Some messages were not delivered: {'; '.join(result.problems)}."
        raise AlertsError(message)
    pending = store.read_overview(0).undelivered
    if pending:
        channels = ", ".join(sorted({delivery.channel for delivery in pending}))
        click.echo(f"{format_count(len(pending), 'message')} still pending for: {channels}.")


def _evaluate() -> None:
    # Dagster takes a second to import.
    import dagster as dg

    from ouspark_assets.orchestration.automation.alert_evaluation import (
        evaluate_alerts,
        list_check_keys,
    )
    from ouspark_assets.orchestration.automation.alert_facts import FactSources
    from ouspark_assets.orchestration.build import build_definitions

    checks = list_check_keys(build_definitions().get_repository_def())
    with dg.DagsterInstance.get() as instance:
        click.echo(str(evaluate_alerts(FactSources(instance, checks))))


def _thresholds(rule: Rule) -> list[str]:
    """Return the options of a rule's condition, as the file writes them."""
    common = {*Rule.model_fields, *ReleaseRule.model_fields, *AssetRule.model_fields}
    options = (
        (name, getattr(rule, name)) for name in type(rule).model_fields if name not in common
    )
    return [f"{name}={_format_option(value)}" for name, value in options if value not in (None, ())]


def _format_option(value: object) -> str:
    if isinstance(value, timedelta):
        return format_duration(value).replace(" ", "")
    if isinstance(value, float):
        return format_percent(value).replace(" ", "") if value <= 1 else f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower()
