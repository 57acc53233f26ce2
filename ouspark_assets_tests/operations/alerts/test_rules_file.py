"""The rules file: what it may say, and the one line about whatever it may not."""

from datetime import timedelta
from pathlib import Path

import pytest

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.reading import read_rules, rules_file
from ouspark_assets.operations.alerts.rules import Kind
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


def read(folder: Path, text: str | bytes) -> str:
    """The one line about a rules file, without its path; empty when it is right."""
    path = folder / "rules.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        read_rules(path)
    except AlertsError as error:
        (line,) = str(error).splitlines()
        return line.replace(f"{path}, ", "").replace(str(path), "FILE")
    return ""


def test_the_rules_that_are_shipped_are_right_and_of_every_kind() -> None:
    ruleset = read_rules(rules_file(AlertSettings()))
    assert {rule.kind for rule in ruleset.rules} == set(Kind)
    assert {spec.type for spec in ruleset.channels.values()} == {
        "slack",
        "webhook",
        "email",
        "push",
    }


def test_a_rule_says_everything_that_can_be_said(tmp_path: Path) -> None:
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
    assert (failed.remind_after, failed.releases, failed.assets) == (
        None,
        ("2025*",),
        ("clean/*", "raw/*"),
    )
    assert slow.remind_after == timedelta(hours=2)
    assert vars(slow.condition) == {
        "times": 2.5,
        "last": 5,
        "longer_than": timedelta(seconds=90),
    }
    assert vars(lost.condition)["more_than"] == 0.125


def test_a_file_without_channels_or_rules_tells_nobody_anything(tmp_path: Path) -> None:
    assert read(tmp_path, "rules: []") == ""
    assert read(tmp_path, "channels:\nrules:\n") == ""


WRONG = {
    "nothing": ("", "line 1: the file is empty; it should have rules."),
    "a comment alone": ("# nothing\n", "line 1: the file is empty; it should have rules."),
    "no rules": (CHANNELS, "line 1: there are no `rules`."),
    "a list": ("- rules\n", "line 1: the file must be keys with values."),
    "a key nobody knows": (
        f"{GOOD}colour: red\n",
        "line 14: unknown key 'colour'; the file may have remind_after, channels, rules.",
    ),
    "a slip of the pen": (
        f"{GOOD}    severty: info\n",
        "line 14: unknown key 'severty'; severity is meant?.",
    ),
    "a key twice": (
        f"{GOOD}    severity: info\n",
        "line 14: 'severity' is there twice (line 12 too).",
    ),
    "a rule twice": (f"{GOOD}{RULE}", "line 14: another rule is called 'failed' already."),
    "a channel twice": (
        f"{CHANNELS}  chat:\n    type: slack\n    url: ${{X}}\nrules: []\n",
        "line 9: 'chat' is there twice (line 2 too).",
    ),
    "a channel nobody knows": (
        GOOD.replace("[chat]", "[chat, chatt]"),
        "line 13: there is no channel 'chatt'; chat is meant?.",
    ),
    "no channel": (GOOD.replace("[chat]", "[]"), "line 13: channels must not be empty."),
    "students are not operators": (
        GOOD.replace("[chat]", "[students]"),
        "line 13: channel students goes to students: only results_live may use it.",
    ),
    "a kind nobody knows": (
        GOOD.replace("run_failed", "run_fails"),
        "line 11: when must be one of run_failed, check_failed, failure_share, volume_drop, "
        "slow_stage, stale, late_to_readers, quarantine_growth, results_live, not 'run_fails'.",
    ),
    "a severity nobody knows": (
        GOOD.replace("critical", "fatal"),
        "line 12: severity must be one of info, warning, critical, not 'fatal'.",
    ),
    "no severity": (
        GOOD.replace("    severity: critical\n", ""),
        "line 10: the rule has no 'severity'.",
    ),
    "no name": (GOOD.replace("name: failed", "severity: info"), "line 12: 'severity' is there"),
    "a name with spaces": (
        GOOD.replace("failed\n", "it failed\n", 1),
        "line 10: name must be a name of letters, digits, - and _, not 'it failed'.",
    ),
    "a threshold of another kind": (
        f"{GOOD}    more_than: 5%\n",
        "line 14: unknown key 'more_than'; a rule about run_failed may have name, when, severity, "
        "channels, remind_after, assets, releases.",
    ),
    "a filter that means nothing": (
        f"{CHANNELS}rules:\n  - {{name: a, when: stale, severity: info, channels: chat,\n"
        "     of: cache, longer_than: 1h,\n     releases: x}\n",
        "line 12: unknown key 'releases'",
    ),
    "a threshold that is missing": (
        f"{CHANNELS}rules:\n  - {{name: a, when: stale, severity: info, channels: chat}}\n",
        "line 10: a rule about stale needs 'of'.",
    ),
    "no share": (
        f"{CHANNELS}rules:\n  - {{name: a, when: failure_share, severity: info, channels: chat,\n"
        "     more_than: 150%}\n",
        "line 11: more_than must be a share, as 5% or 0.05, not '150%'.",
    ),
    "no duration": (
        f"{GOOD}    remind_after: soon\n",
        "line 14: remind_after must be a duration up to a year, as 90s, 30m, 2h or 1d, not 'soon'.",
    ),
    "a duration of nothing": (
        f"{GOOD}    remind_after: 0s\n",
        "line 14: remind_after must be more than 0, or never.",
    ),
    "no number": (
        f"{CHANNELS}rules:\n  - {{name: a, when: slow_stage, severity: info, channels: chat,\n"
        "     times: nan}\n",
        "line 11: times must be a number greater than 1, not 'nan'.",
    ),
    "a list where one value belongs": (
        GOOD.replace("critical", "[critical]"),
        "line 12: severity must be a single value.",
    ),
    "a mapping where a list belongs": (
        GOOD.replace("[chat]", "{chat: yes}"),
        "line 13: channels must be a list.",
    ),
    "a type nobody knows": (
        GOOD.replace("slack", "pigeon"),
        "line 3: type must be one of slack, webhook, email, push, not 'pigeon'.",
    ),
    "no type": (
        GOOD.replace("    type: slack\n", ""),
        "line 2: channel chat has no type: slack, webhook, email, push.",
    ),
    "half an address": (
        GOOD.replace("${CHAT_URL}", "https://${CHAT_URL}"),
        "line 4: url must be the variable that holds it, as ${NAME}: secrets never stand in this "
        "file.",
    ),
    "tabs": (
        GOOD.replace("    when", "\twhen"),
        "line 11: not YAML: found character '\\t' that cannot start any token.",
    ),
    "a bracket that never closes": (
        f"{CHANNELS}rules: [\n",
        "line 10: not YAML: expected the node content, but found '<stream end>'.",
    ),
    "a quote that never closes": (
        f"{CHANNELS}rules: 'a\n",
        "line 10: not YAML: found unexpected end of stream.",
    ),
    "two documents": (
        f"{GOOD}---\n{GOOD}",
        "line 14: not YAML: but found another document.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_one_line_that_says_where_and_what(tmp_path: Path, case: str) -> None:
    text, line = WRONG[case]
    assert read(tmp_path, text).startswith(line)


HOSTILE = {
    "a bomb of aliases": (
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nrules: []\n",
        "line 1: anchors and aliases (& and *) are not used here.",
    ),
    "an alias of nothing": ("rules: *x\n", "line 1: anchors and aliases (& and *)"),
    "an object of Python": (
        "rules: []\nx: !!python/object/apply:os.system [id]\n",
        "line 2: tags (!) are not used here.",
    ),
    "a tag of its own": ("rules: !env X\n", "line 1: tags (!) are not used here."),
    "a thousand brackets": (f"rules: {'[' * 1000}", "line 1: nested too deeply."),
    "a thousand levels": (
        "\n".join(f"{' ' * level}a:" for level in range(1000))[:60_000],
        "line 7: nested too deeply.",
    ),
    "a flood": (b"#" * 64_001, "The alert rules FILE are larger than 64,000 bytes."),
    "another encoding": (
        "rules: []\n# für alle\n".encode("latin-1"),
        "line 2: not UTF-8; save the file as UTF-8.",
    ),
    "UTF-16": ("rules: []\n".encode("utf-16"), "line 1: not UTF-8; save the file as UTF-8."),
    "a null byte": (b"rules: []\n\x00", "line 2: a character that can't be in a YAML file."),
    "a key that is a list": ("? [a, b]\n: c\n", "line 1: a key must be a single value."),
    "a very long word": (
        f"rules: []\n{'a' * 900}: 1\n",
        f"line 2: unknown key '{'a' * 40}…'",
    ),
    "a long key": (f"{'a' * 2000} b\nc", "line 1: the file must be keys with values."),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, line = HOSTILE[case]
    assert read(tmp_path, text).startswith(line)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()) == ""


def test_a_secret_in_the_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    line = read(tmp_path, GOOD.replace("${CHAT_URL}", "https://hooks.example.org/T0/B0/hunter2"))
    assert line.startswith("line 4: url must be the variable that holds it")
    assert "hunter2" not in line


def test_a_file_that_is_not_there_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(AlertsError, match=f"The alert rules {path} can't be read: {why}"):
            read_rules(path)


def test_the_rules_are_found_where_the_setting_says_else_in_the_project(tmp_path: Path) -> None:
    assert rules_file(AlertSettings(alert_rules=tmp_path / "mine.yaml")) == tmp_path / "mine.yaml"
    assert rules_file(AlertSettings()).read_text(encoding="utf-8").startswith("# Who is told what")
