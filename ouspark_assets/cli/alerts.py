"""`ouspark alerts`: the rules, the channels, what is open, what waits for delivery.

Nothing is decided here: rules, outbox and channels are `alerts/`, looking is `alert_sensor.py`.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import timedelta
from enum import StrEnum

import click

from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.deliveries import all_due
from ouspark_assets.operations.alerts.delivering import deliver, open_channels
from ouspark_assets.operations.alerts.messages import test_message
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets.operations.alerts.overview import AlertState, Undelivered, overview
from ouspark_assets.operations.alerts.reading import read_rules, rules_file
from ouspark_assets.operations.alerts.rules import Rule, Ruleset
from ouspark_assets.operations.alerts.wording import counted, duration, moment, percent
from ouspark_assets.settings import load_settings

MOST_RECENT = 20
DELIVERY_SECONDS = 60.0


@click.group(invoke_without_command=True)
@click.pass_context
def alerts(context: click.Context) -> None:
    """Who is told what, what is open, and what could not be delivered yet."""
    if context.invoked_subcommand is None:
        context.invoke(list_alerts)


@alerts.command("rules")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_rules(*, as_json: bool) -> None:
    """Check the rules file, and show the rules."""
    ruleset = _ruleset()
    rows = [_rule(rule) for rule in ruleset.rules]
    if as_json:
        show_json({"file": str(ruleset.path), "rules": rows})
        return
    show_table(f"Alert rules of {ruleset.path}", rows)


@alerts.command("channels")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_channels(*, as_json: bool) -> None:
    """Show the channels: active, or why not."""
    ruleset = _ruleset()
    opened = open_channels(ruleset.channels, os.environ)
    rows = [
        {
            "channel": name,
            "type": spec.type,
            "state": "active" if name in opened.channels else "inactive",
            "why": opened.unusable.get(name),
            "rules": sum(name in rule.channels for rule in ruleset.rules),
        }
        for name, spec in ruleset.channels.items()
    ]
    if as_json:
        show_json(rows)
        return
    show_table("Alert channels", rows, right=("rules",))


@alerts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--last", type=click.IntRange(min=0), default=MOST_RECENT, help="How many of those over."
)
def list_alerts(*, as_json: bool = False, last: int = MOST_RECENT) -> None:
    """List what is open, what was lately, and what waits for delivery."""
    found = overview(_outbox(), last)
    if as_json:
        show_json(asdict(found))
        return
    show_table("Open alerts", [_open(it) for it in found.open])
    show_table("Over, and news", [_over(it) for it in found.recent])
    show_table("Not delivered yet", [_waiting(it) for it in found.undelivered], right=("tries",))


@alerts.command("test")
@click.argument("channel")
def test_channel(channel: str) -> None:
    """Send a test message to CHANNEL."""
    ruleset = _ruleset()
    if channel not in ruleset.channels:
        known = ", ".join(ruleset.channels) or "none"
        message = f"There is no channel {channel!r} in {ruleset.path}; there is: {known}."
        raise AlertsError(message)
    opened = ruleset.channels[channel].opened(channel, os.environ)
    note = opened.send_test(test_message(channel))
    click.echo(f"{channel} took the message." if note is None else f"{channel}: {note}.")


@alerts.command("send")
@click.option("--look", is_flag=True, help="Look at how things stand first, as the sensor does.")
def send(*, look: bool) -> None:
    """Deliver what waits, whether or not its next attempt is due."""
    ruleset, outbox = _ruleset(), _outbox()
    if look:
        _look()
    all_due(outbox, time.time())
    opened = open_channels(ruleset.channels, os.environ)
    done = deliver(outbox, opened.channels, DELIVERY_SECONDS)
    click.echo(f"{counted(done.messages, 'message')} delivered.")
    if done.problems:
        message = f"Not everything was delivered: {'; '.join(done.problems)}."
        raise AlertsError(message)
    waiting = overview(outbox, 0).undelivered
    if waiting:
        channels = ", ".join(sorted({it.channel for it in waiting}))
        click.echo(f"{counted(len(waiting), 'message')} still waiting for: {channels}.")


def _look() -> None:
    # Dagster takes a second to import.
    import dagster as dg

    from ouspark_assets.orchestration.automation.alert_facts import Sources
    from ouspark_assets.orchestration.automation.alerts import checks_of, look_and_tell
    from ouspark_assets.orchestration.build import build_definitions

    checks = checks_of(build_definitions().get_repository_def())
    with dg.DagsterInstance.get() as instance:
        click.echo(str(look_and_tell(Sources(instance, checks))))


def _ruleset() -> Ruleset:
    return read_rules(rules_file(load_settings().alerts))


def _outbox() -> Outbox:
    return Outbox.under(load_settings().servers.home)


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.name,
        "when": " ".join((rule.kind, *_thresholds(rule))),
        "only": ", ".join((*rule.releases, *rule.assets)),
        "severity": rule.severity.value,
        "channels": ", ".join(rule.channels),
        "reminder": "never" if rule.remind_after is None else duration(rule.remind_after),
    }


def _thresholds(rule: Rule) -> Iterator[str]:
    for it in fields(rule.condition):
        value = getattr(rule.condition, it.name)
        if value is not None:
            yield f"{it.name}={_said(value)}"


def _said(value: object) -> str:
    if isinstance(value, timedelta):
        return duration(value).replace(" ", "")
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float):
        return percent(value).replace(" ", "") if value <= 1 else f"{value:g}"
    return str(value).lower()


def _open(it: AlertState) -> dict[str, object]:
    return {
        "severity": it.severity,
        "since": moment(it.since),
        "what": it.headline,
        "rule": it.rule,
        "told": ", ".join(it.told) or "nobody",
    }


def _over(it: AlertState) -> dict[str, object]:
    ended = it.ended or it.since
    return {
        "severity": it.severity,
        "since": moment(it.since),
        "lasted": "" if it.is_news else duration(ended - it.since),
        "what": it.headline,
        "told": ", ".join(it.told) or "nobody",
    }


def _waiting(it: Undelivered) -> dict[str, object]:
    return {
        "channel": it.channel,
        "what": f"{it.event}: {it.headline}",
        "tries": it.attempts,
        "next": moment(it.due),
        "why": it.error,
    }
