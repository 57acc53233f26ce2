"""`ouspark alerts`, in this process: its output, and its one-line errors."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ouspark_assets.cli import ouspark
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets_tests.operations.alerts.examples import NOON, RecordedStore, after, finding
from ouspark_assets_tests.operations.alerts.receivers import WebReceiver, web_receiver

RULES = """\
channels:
  chat:
    type: slack
    url: ${CHAT_URL}
  mail:
    type: email
    server: ${SMTP}
    from: alerts@example.org
    to: a@example.org
rules:
  - {name: run-failed, when: run_failed, severity: critical, channels: [chat, mail]}
  - {name: lost, when: volume_drop, severity: info, channels: chat, against: last_run,
     more_than: 10%, releases: 2025*, remind_after: 1d}
"""


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebReceiver]:
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path))
    monkeypatch.setenv("OUSPARK_ALERT_RULES", str(tmp_path / "rules.yaml"))
    with web_receiver() as receiver:
        monkeypatch.setenv("CHAT_URL", receiver.url)
        yield receiver


@pytest.fixture
def store(tmp_path: Path, chat: WebReceiver) -> RecordedStore:
    """A store with one open and one closed alert."""
    store = RecordedStore(AlertStore.in_home(tmp_path))
    store.record_findings(NOON, finding("one"), finding("two"))
    store.record_findings(after(minutes=5), finding("two"))
    return store


def run(*arguments: str) -> str:
    done = CliRunner().invoke(ouspark, ("alerts", *arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def run_refused(*arguments: str) -> str:
    with pytest.raises(OuSparkError) as error:
        CliRunner().invoke(
            ouspark, ("alerts", *arguments), catch_exceptions=False, standalone_mode=False
        )
    (line,) = str(error.value).splitlines()
    return line


def test_the_rules_are_listed(chat: WebReceiver) -> None:
    (_, lost) = json.loads(run("rules", "--json"))["rules"]
    assert lost == {
        "rule": "lost",
        "when": "volume_drop against=last_run more_than=10%",
        "only": "2025*",
        "severity": "info",
        "channels": "chat",
        "reminder": "1 d",
    }
    assert "against=last_run" in run("rules")


@pytest.mark.parametrize("command", ["rules", "channels", "send", "test chat"])
def test_an_invalid_rules_file_is_one_line(
    chat: WebReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    invalid = tmp_path / "invalid.yaml"
    invalid.write_text(RULES.replace("critical", "fatal"))
    monkeypatch.setenv("OUSPARK_ALERT_RULES", str(invalid))
    assert run_refused(*command.split()) == (
        f"{invalid}, line 11: severity must be one of 'info', 'warning' or 'critical', not 'fatal'."
    )


def test_inactive_channels_are_listed_with_the_reason(chat: WebReceiver) -> None:
    found = {
        row["channel"]: (row["state"], row["why"]) for row in json.loads(run("channels", "--json"))
    }
    assert found == {"chat": ("active", None), "mail": ("inactive", "SMTP is not set")}
    assert "SECRET-PATH" not in run("channels")


def test_open_alerts_closed_alerts_and_pending_deliveries_are_listed(store: RecordedStore) -> None:
    found = json.loads(run("list", "--json"))
    assert [alert["headline"] for alert in found["open"]] == ["Run failed: two"]
    assert [alert["headline"] for alert in found["recent"]] == ["Run failed: one"]
    assert [(delivery["event"], delivery["attempts"]) for delivery in found["undelivered"]] == [
        ("begun", 0),
        ("begun", 0),
        ("over", 0),
    ]
    shown = run()
    assert "Run failed: two" in shown
    assert "over: Run failed: one" in shown


def test_an_empty_list_is_printed_as_none(chat: WebReceiver) -> None:
    assert run("list") == (
        "Open alerts: none\nRecent alerts and news: none\nPending deliveries: none\n"
    )


def test_pending_messages_are_sent_at_once(store: RecordedStore, chat: WebReceiver) -> None:
    chat.statuses = [503]
    line = run_refused("send")
    assert line == "Some messages were not delivered: chat: answered 503."
    assert "answered 503" in run("list")
    chat.statuses = [200]
    assert run("send") == "3 messages delivered.\n"
    assert run("send") == "0 messages delivered.\n"
    assert len(chat.accepted) == 3
    assert json.loads(run("list", "--json"))["open"][0]["told"] == ["chat"]


def test_messages_that_wait_for_an_inactive_channel_are_reported(
    store: RecordedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_URL")
    assert run("send").splitlines()[1] == "3 messages still pending for: chat."


def test_a_test_message_is_sent_to_one_channel(chat: WebReceiver) -> None:
    assert run("test", "chat") == "Sent a test message to chat.\n"
    (request,) = chat.accepted
    assert request["text"] == "[test] OuSpark can reach the channel chat"
    assert run_refused("test", "mail") == "SMTP is not set"
    assert run_refused("test", "pigeon").endswith("Its channels: chat, mail.")
    chat.statuses = [404]
    line = run_refused("test", "chat")
    assert line == "chat: answered 404 (nothing exists at this address; was the webhook removed?)"


def test_send_look_evaluates_the_rules_like_the_sensor(
    chat: WebReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    for name in ("OUSPARK_DEV_DSN", "OUSPARK_PROD_DSN"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1")
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    output = run("send", "--look")
    evaluated, delivered = output.splitlines()
    assert evaluated.startswith("0 alerts open; The production database can't be reached")
    assert "; The cache can't be reached" in evaluated
    assert delivered == "0 messages delivered."


def test_the_help_names_every_command(chat: WebReceiver) -> None:
    shown = run("--help")
    for name in ("rules", "channels", "list", "test", "send"):
        assert name in shown
