"""`ouspark alerts`, in this process: what people see, and the one line when it fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ouspark_assets.cli import ouspark
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets_tests.operations.alerts.receivers import WebReceiver, web_receiver
from ouspark_assets_tests.operations.alerts.saying import NOON, Book, after, finding

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
def book(tmp_path: Path, chat: WebReceiver) -> Book:
    """An outbox with one alert that is open, and one that was."""
    book = Book(Outbox.under(tmp_path))
    book.see(NOON, finding("one"), finding("two"))
    book.see(after(minutes=5), finding("two"))
    return book


def run(*arguments: str) -> str:
    done = CliRunner().invoke(ouspark, ("alerts", *arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    with pytest.raises(OuSparkError) as error:
        CliRunner().invoke(
            ouspark, ("alerts", *arguments), catch_exceptions=False, standalone_mode=False
        )
    (line,) = str(error.value).splitlines()
    return line


def test_the_rules_are_shown(chat: WebReceiver) -> None:
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
def test_a_wrong_rules_file_is_one_line(
    chat: WebReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(RULES.replace("critical", "fatal"))
    monkeypatch.setenv("OUSPARK_ALERT_RULES", str(wrong))
    assert refused(*command.split()).startswith(f"{wrong}, line 11: severity must be one of")


def test_channels_say_why_they_can_not_be_used(chat: WebReceiver) -> None:
    found = {
        it["channel"]: (it["state"], it["why"]) for it in json.loads(run("channels", "--json"))
    }
    assert found == {"chat": ("active", None), "mail": ("inactive", "SMTP is not set")}
    assert "SECRET-PATH" not in run("channels")


def test_what_is_open_what_was_and_what_waits_is_listed(book: Book) -> None:
    found = json.loads(run("list", "--json"))
    assert [it["headline"] for it in found["open"]] == ["Run failed: two"]
    assert [it["headline"] for it in found["recent"]] == ["Run failed: one"]
    assert [(it["event"], it["attempts"]) for it in found["undelivered"]] == [
        ("begun", 0),
        ("begun", 0),
        ("over", 0),
    ]
    shown = run()
    assert "Run failed: two" in shown
    assert "over: Run failed: one" in shown


def test_nothing_to_list_is_said(chat: WebReceiver) -> None:
    assert run("list") == "Open alerts: none\nOver, and news: none\nNot delivered yet: none\n"


def test_what_waits_is_sent_at_once(book: Book, chat: WebReceiver) -> None:
    chat.answers = [503]
    line = refused("send")
    assert line == "Not everything was delivered: chat: answered 503."
    assert "answered 503" in run("list")
    chat.answers = [200]
    assert run("send") == "3 messages delivered.\n"
    assert run("send") == "0 messages delivered.\n"
    assert len(chat.taken) == 3
    assert json.loads(run("list", "--json"))["open"][0]["told"] == ["chat"]


def test_what_waits_for_an_inactive_channel_is_said(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_URL")
    assert run("send").splitlines()[1] == "3 messages still waiting for: chat."


def test_a_test_message_goes_to_one_channel(chat: WebReceiver) -> None:
    assert run("test", "chat") == "chat took the message.\n"
    (posted,) = chat.taken
    assert posted["text"] == "[test] OuSpark can reach the channel chat"
    assert refused("test", "mail") == "SMTP is not set"
    assert refused("test", "pigeon").endswith("there is: chat, mail.")
    chat.answers = [404]
    line = refused("test", "chat")
    assert line == "chat: answered 404 (nothing is at this address; was it removed?)"


def test_looking_is_what_the_sensor_does(
    chat: WebReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    for name in ("OUSPARK_DEV_DSN", "OUSPARK_PROD_DSN"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1")
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    said = run("send", "--look")
    assert said.startswith("0 alerts open; The production database can't be reached")
    assert said.endswith("0 messages delivered.\n")


def test_the_help_names_every_command(chat: WebReceiver) -> None:
    shown = run("--help")
    for name in ("rules", "channels", "list", "test", "send"):
        assert name in shown
