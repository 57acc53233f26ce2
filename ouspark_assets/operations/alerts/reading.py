"""The rules file, read into rules and channels; a wrong one is one line that says where and what.

Which keys there are is said by the dataclasses of conditions and channels.
"""

from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ouspark_assets.operations.alerts.channels import CHANNEL_TYPES, ChannelSpec
from ouspark_assets.operations.alerts.findings import Severity
from ouspark_assets.operations.alerts.options import (
    Option,
    duration,
    name,
    one_of,
    options_of,
    pattern,
    shown,
)
from ouspark_assets.operations.alerts.rules import CONDITIONS, Kind, Rule, Ruleset
from ouspark_assets.operations.alerts.yaml_nodes import Entry, read_document
from ouspark_assets.settings import PACKAGE_PARENT, AlertSettings, project_root

FILE_NAME = "alert_rules.yaml"
TOP = ("remind_after", "channels", "rules")
OF_EVERY_RULE = ("name", "when", "severity", "channels", "remind_after")
NEVER = "never"
Spec = TypeVar("Spec")


def rules_file(settings: AlertSettings) -> Path:
    """The file: as set, else of the project, else as it was installed."""
    if settings.alert_rules is not None:
        return settings.alert_rules
    project = project_root() / FILE_NAME
    return project if project.exists() else PACKAGE_PARENT / "ouspark_assets" / FILE_NAME


def read_rules(path: Path) -> Ruleset:
    """The rules and channels of a file."""
    top = read_document(path)
    entries = top.mapping("the file")
    _refuse_unknown(entries, TOP, "the file")
    if "rules" not in entries:
        top.wrong("there are no `rules`")
    channels = _channels(entries.get("channels"))
    reminder = _reminder(entries.get("remind_after"), None)
    rules: dict[str, Rule] = {}
    for item in [] if entries["rules"].is_empty else entries["rules"].items("rules"):
        rule = _rule(item, channels, reminder)
        if rule.name in rules:
            item.wrong(f"another rule is called {shown(rule.name)} already")
        rules[rule.name] = rule
    return Ruleset(path, channels, tuple(rules.values()))


def _channels(entry: Entry | None) -> dict[str, ChannelSpec]:
    if entry is None or entry.is_empty:
        return {}
    found = {}
    for called, it in entry.mapping("channels").items():
        try:
            found[name(called)] = _channel(called, it)
        except ValueError as error:
            it.wrong(f"the name of a channel {error}")
    return found


def _channel(called: str, entry: Entry) -> ChannelSpec:
    entries = dict(entry.mapping(f"channel {called}"))
    kind = entries.pop("type", None)
    if kind is None:
        entry.wrong(f"channel {called} has no type: {', '.join(CHANNEL_TYPES)}")
    word = kind.text("type")
    if word not in CHANNEL_TYPES:
        kind.wrong(f"type must be one of {', '.join(CHANNEL_TYPES)}, not {shown(word)}")
    return _filled(CHANNEL_TYPES[word], entry, entries, f"a channel of type {word}", ("type",))


def _rule(entry: Entry, channels: Mapping[str, ChannelSpec], reminder: timedelta | None) -> Rule:
    entries = dict(entry.mapping("a rule"))
    called = _needed(entry, entries, "name", Option(name))
    kind: Kind = _needed(entry, entries, "when", Option(one_of(Kind)))
    condition = CONDITIONS[kind]
    filters = {
        key: _value(entries.pop(key), Option(pattern, many=True), key)
        for key in sorted(condition.filters)
        if key in entries
    }
    usual = {key: entries.pop(key) for key in OF_EVERY_RULE[2:] if key in entries}
    others = (*OF_EVERY_RULE, *sorted(condition.filters))
    return Rule(
        name=called,
        kind=kind,
        condition=_filled(condition, entry, entries, f"a rule about {kind}", others),
        severity=_needed(entry, usual, "severity", Option(one_of(Severity))),
        channels=_channels_of(entry, usual, channels, kind),
        remind_after=_reminder(usual.get("remind_after"), reminder),
        **filters,
    )


def _channels_of(
    rule: Entry, entries: dict[str, Entry], channels: Mapping[str, ChannelSpec], kind: Kind
) -> tuple[str, ...]:
    at = entries.get("channels", rule)
    named: tuple[str, ...] = _needed(rule, entries, "channels", Option(name, many=True))
    for it in named:
        if it not in channels:
            at.wrong(f"there is no channel {shown(it)}{_meant(it, tuple(channels))}")
        if not channels[it].for_operators and not CONDITIONS[kind].is_news:
            at.wrong(f"channel {it} goes to students: only {Kind.RESULTS_LIVE} may use it")
    return tuple(dict.fromkeys(named))


def _reminder(entry: Entry | None, default: timedelta | None) -> timedelta | None:
    if entry is None:
        return default
    if entry.text("remind_after") == NEVER:
        return None
    after: timedelta = _value(entry, Option(duration), "remind_after")
    return after or entry.wrong(f"remind_after must be more than 0, or {NEVER}")


def _filled(
    kind: type[Spec], at: Entry, entries: Mapping[str, Entry], called: str, others: tuple[str, ...]
) -> Spec:
    """A dataclass whose fields are options, from the keys that stand here."""
    options = options_of(kind)
    _refuse_unknown(entries, (*others, *options), called)
    values: dict[str, Any] = {}
    for key, (field, option, is_needed) in options.items():
        if key in entries:
            values[field] = _value(entries[key], option, key)
        elif is_needed:
            at.wrong(f"{called} needs {shown(key)}")
    return kind(**values)


def _needed(at: Entry, entries: dict[str, Entry], key: str, option: Option) -> Any:
    if key not in entries:
        at.wrong(f"the rule has no {shown(key)}")
    return _value(entries.pop(key), option, key)


def _value(entry: Entry, option: Option, called: str) -> Any:
    items = entry.items(called) if option.many else [entry]
    if not items:
        entry.wrong(f"{called} must not be empty")
    read = []
    for item in items:
        try:
            read.append(option.read(item.text(called)))
        except ValueError as error:
            item.wrong(f"{called} {error}")
    return tuple(read) if option.many else read[0]


def _refuse_unknown(entries: Mapping[str, Entry], known: tuple[str, ...], called: str) -> None:
    for key, entry in entries.items():
        if key not in known:
            meant = _meant(key, known) or f"; {called} may have {', '.join(known)}"
            entry.wrong(f"unknown key {shown(key)}{meant}")


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; {close[0]} is meant?" if close else ""
