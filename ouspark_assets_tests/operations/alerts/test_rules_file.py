"""The rules file: what is accepted, and the one line about everything that is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.conditions import RunFailed
from ouspark_assets.operations.alerts.option_types import Variable
from ouspark_assets.operations.alerts.rules_file import MODELS, find_rules_file, read_rules
from ouspark_assets.settings import AlertSettings

CHANNELS = """\
channels:
  chat:
    type: slack
    url: ${CHAT_URL}
  students:
    type: push
    app: ${APP}
    key: ${KEY}
"""
RULE = """\
  - name: failed
    when: run_failed
    severity: critical
    channels: [chat]
"""
GOOD = f"{CHANNELS}rules:\n{RULE}"


def read_error(folder: Path, text: str | bytes) -> str:
    """Return the one line about a rules file, without its path; empty when the file is valid."""
    path = folder / "rules.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        read_rules(path)
    except AlertsError as error:
        (line,) = str(error).splitlines()
        return line.replace(f"{path}, ", "").replace(str(path), "FILE")
    return ""


def test_the_shipped_file_is_valid_and_uses_every_condition_and_channel_type() -> None:
    ruleset = read_rules(find_rules_file(AlertSettings()))
    conditions = {rule.when for rule in ruleset.rules}
    types = {channel.type for channel in ruleset.channels.values()}
    assert types == {"slack", "webhook", "email", "push"}
    assert conditions | types == set(MODELS)


def test_every_option_of_a_rule_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "remind_after: 2h\n"
        f"{GOOD}"
        "    remind_after: never\n"
        "    releases: 2025*\n"
        "    assets: [clean/*, raw/*]\n"
        "  - {name: slow, when: slow_stage, severity: info, channels: chat, times: 2.5, last: 5,\n"
        "     longer_than: 90s}\n"
        "  - {name: lost, when: volume_drop, severity: info, channels: chat, more_than: 12.5%,\n"
        "     against: last_run}\n"
    )
    failed, slow, lost = read_rules(path).rules
    assert isinstance(failed, RunFailed)
    assert (failed.remind_after, failed.releases, failed.assets) == (
        None,
        ("2025*",),
        ("clean/*", "raw/*"),
    )
    assert slow.remind_after == timedelta(hours=2)
    assert slow.model_dump(include={"times", "last", "longer_than"}) == {
        "times": 2.5,
        "last": 5,
        "longer_than": timedelta(seconds=90),
    }
    assert vars(lost)["more_than"] == 0.125


def test_a_webhook_may_name_the_variable_of_its_secret(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("channels: {program: {type: webhook, url: '${URL}', secret: '${KEY}'}}\nrules:")
    webhook = read_rules(path).channels["program"]
    assert vars(webhook) == {
        "type": "webhook",
        "url": Variable("URL"),
        "secret": Variable("KEY"),
    }


def test_channels_and_rules_may_be_empty(tmp_path: Path) -> None:
    assert read_error(tmp_path, "rules: []") == ""
    assert read_error(tmp_path, "channels:\nrules:\n") == ""


INVALID = {
    "nothing": ("", "line 1: the file is empty; the key `rules` is required."),
    "a comment alone": ("# nothing\n", "line 1: the file is empty; the key `rules` is required."),
    "no rules": (CHANNELS, "line 1: the required key 'rules' is missing."),
    "a list": ("- rules\n", "line 1: the file must be a mapping of keys to values."),
    "an unknown key": (
        f"{GOOD}colour: red\n",
        "line 14: unknown key 'colour'. Known keys: remind_after, channels, rules.",
    ),
    "a misspelt key": (
        f"{GOOD}    severty: info\n",
        "line 14: unknown key 'severty' (when: run_failed). Did you mean 'severity'?",
    ),
    "a key twice": (
        f"{GOOD}    severity: info\n",
        "line 14: duplicate key 'severity' (first on line 12).",
    ),
    "a rule twice": (f"{GOOD}{RULE}", "line 14: another rule has the name 'failed'."),
    "a channel twice": (
        f"{CHANNELS}  chat:\n    type: slack\n    url: ${{X}}\nrules: []\n",
        "line 9: duplicate key 'chat' (first on line 2).",
    ),
    "an unknown channel": (
        GOOD.replace("[chat]", "[chat, chatt]"),
        "line 13: unknown channel 'chatt'. Did you mean 'chat'?",
    ),
    "no channel": (GOOD.replace("[chat]", "[]"), "line 13: channels must not be empty."),
    "an alert for operators in a channel for students": (
        GOOD.replace("[chat]", "[students]"),
        "line 13: the channel students sends to students; only results_live may use it.",
    ),
    "an unknown condition": (
        GOOD.replace("run_failed", "run_fails"),
        "line 11: when must be one of 'run_failed', 'check_failed', 'failure_share', "
        "'site_down', 'unhealthy', 'volume_drop', 'slow_stage', 'stale', "
        "'late_to_readers', 'quarantine_growth', 'results_live', not 'run_fails'.",
    ),
    "an unknown severity": (
        GOOD.replace("critical", "fatal"),
        "line 12: severity must be one of 'info', 'warning' or 'critical', not 'fatal'.",
    ),
    "no severity": (
        GOOD.replace("    severity: critical\n", ""),
        "line 10: the required key 'severity' is missing (when: run_failed).",
    ),
    "no name": (
        GOOD.replace("name: failed", "severity: info"),
        "line 12: duplicate key 'severity' (first on line 10).",
    ),
    "a name with spaces": (
        GOOD.replace("failed\n", "it failed\n", 1),
        "line 10: name must be a name of letters, digits, - and _, not 'it failed'.",
    ),
    "an option of another condition": (
        f"{GOOD}    more_than: 5%\n",
        "line 14: unknown key 'more_than' (when: run_failed). Known keys: name, when, severity, "
        "channels, remind_after, assets, releases.",
    ),
    "a filter that the condition does not have": (
        f"{CHANNELS}rules:\n  - {{name: a, when: stale, severity: info, channels: chat,\n"
        "     of: cache, longer_than: 1h,\n     releases: x}\n",
        "line 12: unknown key 'releases' (when: stale). Known keys: name, when, severity, "
        "channels, remind_after, of, longer_than.",
    ),
    "a missing option": (
        f"{CHANNELS}rules:\n  - {{name: a, when: stale, severity: info, channels: chat}}\n",
        "line 10: the required key 'of' is missing (when: stale).",
    ),
    "an invalid share": (
        f"{CHANNELS}rules:\n  - {{name: a, when: failure_share, severity: info, channels: chat,\n"
        "     more_than: 150%}\n",
        "line 11: more_than must be a share, e.g. 5% or 0.05, not '150%'.",
    ),
    "an invalid duration": (
        f"{GOOD}    remind_after: soon\n",
        "line 14: remind_after must be a duration up to a year, e.g. 90s, 30m, 2h or 1d "
        "(longer than 0), or never, not 'soon'.",
    ),
    "a duration of zero": (
        f"{GOOD}    remind_after: 0s\n",
        "line 14: remind_after must be a duration up to a year, e.g. 90s, 30m, 2h or 1d "
        "(longer than 0), or never, not '0s'.",
    ),
    "a number that is too small": (
        f"{CHANNELS}rules:\n  - {{name: a, when: slow_stage, severity: info, channels: chat,\n"
        "     times: 1}\n",
        "line 11: times must be greater than 1.",
    ),
    "too many runs": (
        f"{CHANNELS}rules:\n  - {{name: a, when: slow_stage, severity: info, channels: chat,\n"
        "     last: 51}\n",
        "line 11: last must be less than or equal to 50.",
    ),
    "an invalid number": (
        f"{CHANNELS}rules:\n  - {{name: a, when: slow_stage, severity: info, channels: chat,\n"
        "     times: nan}\n",
        "line 11: times must be a number, not 'nan'.",
    ),
    "a list where one value belongs": (
        GOOD.replace("critical", "[critical]"),
        "line 12: severity must be a single value.",
    ),
    "a mapping where a list belongs": (
        GOOD.replace("[chat]", "{chat: yes}"),
        "line 13: channels must be a list.",
    ),
    "an unknown channel type": (
        GOOD.replace("slack", "pigeon"),
        "line 3: type must be one of 'slack', 'webhook', 'email', 'push', not 'pigeon'.",
    ),
    "no type": (
        GOOD.replace("    type: slack\n", ""),
        "line 2: the required key 'type' is missing. Choices: slack, webhook, email, push.",
    ),
    "an address with a variable in it": (
        GOOD.replace("${CHAT_URL}", "https://${CHAT_URL}"),
        "line 4: url must be the environment variable that holds the value, e.g. ${NAME}: this "
        "file must not contain secrets.",
    ),
    "tabs": (
        GOOD.replace("    when", "\twhen"),
        "line 11: not valid YAML: found character '\\t' that cannot start any token.",
    ),
    "a bracket that never closes": (
        f"{CHANNELS}rules: [\n",
        "line 10: not valid YAML: expected the node content, but found '<stream end>'.",
    ),
    "a quote that never closes": (
        f"{CHANNELS}rules: 'a\n",
        "line 10: not valid YAML: found unexpected end of stream.",
    ),
    "two documents": (
        f"{GOOD}---\n{GOOD}",
        "line 14: not valid YAML: but found another document.",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_file_is_one_line_with_the_place_and_the_reason(
    tmp_path: Path, case: str
) -> None:
    text, expected = INVALID[case]
    assert read_error(tmp_path, text) == expected


HOSTILE = {
    "a bomb of aliases": (
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nrules: []\n",
        "line 1: anchors and aliases (& and *) are not supported.",
    ),
    "an alias without an anchor": (
        "rules: *x\n",
        "line 1: anchors and aliases (& and *) are not supported.",
    ),
    "an object of Python": (
        "rules: []\nx: !!python/object/apply:os.system [id]\n",
        "line 2: tags (!) are not supported.",
    ),
    "a custom tag": ("rules: !env X\n", "line 1: tags (!) are not supported."),
    "a thousand brackets": (f"rules: {'[' * 1000}", "line 1: nested too deeply."),
    "a thousand levels": (
        "\n".join(f"{' ' * level}a:" for level in range(1000))[:60_000],
        "line 7: nested too deeply.",
    ),
    "a file that is too large": (
        b"#" * 64_001,
        "The alert rules FILE are larger than 64,000 bytes.",
    ),
    "another encoding": (
        "rules: []\n# für alle\n".encode("latin-1"),
        "line 2: not UTF-8. Save the file as UTF-8.",
    ),
    "UTF-16": ("rules: []\n".encode("utf-16"), "line 1: not UTF-8. Save the file as UTF-8."),
    "a null byte": (b"rules: []\n\x00", "line 2: a character that YAML does not allow."),
    "a key that is a list": ("? [a, b]\n: c\n", "line 1: a key must be a single value."),
    "a very long word": (
        f"rules: []\n{'a' * 900}: 1\n",
        f"line 2: unknown key '{'a' * 40}…'. Known keys: remind_after, channels, rules.",
    ),
    "a long key": (f"{'a' * 2000} b\nc", "line 1: the file must be a mapping of keys to values."),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, expected = HOSTILE[case]
    assert read_error(tmp_path, text) == expected


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert read_error(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()) == ""


def test_a_secret_in_the_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    line = read_error(
        tmp_path, GOOD.replace("${CHAT_URL}", "https://hooks.example.org/T0/B0/hunter2")
    )
    assert line.startswith("line 4: url must be the environment variable that holds the value")
    assert "hunter2" not in line


def test_a_missing_file_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(AlertsError, match=f"Cannot read the alert rules {path}: {reason}"):
            read_rules(path)


def test_the_rules_file_is_that_of_the_setting_or_of_the_project(tmp_path: Path) -> None:
    assert (
        find_rules_file(AlertSettings(alert_rules=tmp_path / "mine.yaml")) == tmp_path / "mine.yaml"
    )
    assert find_rules_file(AlertSettings()).read_text(encoding="utf-8").startswith("# Alert rules")
