"""HTTP channels, against a real web server: requests, refusals, timeouts, secrets."""

import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping

import pytest

from ouspark_assets.operations.alerts import channels
from ouspark_assets.operations.alerts.channels import (
    Channel,
    ChannelError,
    ChannelSettings,
    InactiveChannelError,
    PushSettings,
    SlackSettings,
    WebhookSettings,
)
from ouspark_assets.operations.alerts.messages import Event
from ouspark_assets.operations.alerts.option_types import Variable
from ouspark_assets.operations.alerts.rules import Severity
from ouspark_assets_tests.operations.alerts.examples import MAIL, message
from ouspark_assets_tests.operations.alerts.receivers import (
    WebReceiver,
    web_receiver,
)

SECRETS = ("SECRET-PATH", "hunter2", "app-id-1", "rest-key-1", "hmac-key-1")

SLACK = SlackSettings(url=Variable("URL"))

WEBHOOK = WebhookSettings(url=Variable("URL"), secret=Variable("SECRET"))

PUSH = PushSettings(app=Variable("APP"), key=Variable("KEY"), url=Variable("URL"))

NEWS = message(
    Event.NEWS,
    severity=Severity.INFO,
    headline="Results are live: B.E. (CBCS) I Sem.",
    details=(("Exam", "B.E. (CBCS) I Sem."), ("Students", "1,204"), ("Release", "20250402")),
)


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


def environment(web: WebReceiver) -> Mapping[str, str]:
    return {"URL": web.url, "SECRET": "hmac-key-1", "APP": "app-id-1", "KEY": "rest-key-1"}


def open_channel(settings: ChannelSettings, web: WebReceiver) -> Channel:
    return settings.open("name", environment(web))


def test_slack_gets_the_title_and_a_coloured_attachment(web: WebReceiver) -> None:
    open_channel(SLACK, web).send(message())
    (request,) = web.requests
    assert request.path == "/services/T0000/SECRET-PATH"
    assert request.json == {
        "text": "[critical] Run failed: clean/marks of 20250402",
        "attachments": [
            {
                "color": "#c0392b",
                "fallback": "[critical] Run failed: clean/marks of 20250402",
                "text": "Why: the site &lt;is&gt; down &amp; out\n"
                "Run: 243eafeb\n"
                "Since: 2025-04-02 12:00 UTC\n"
                "Next: `ouspark run` resumes",
                "mrkdwn_in": ["text"],
                "ts": 1743602700,
            }
        ],
    }


def test_recoveries_and_news_are_green_in_slack(web: WebReceiver) -> None:
    for good in (message(Event.RECOVERED), NEWS):
        open_channel(SLACK, web).send(good)
    assert {body["attachments"][0]["color"] for body in web.accepted} == {"#2e8b57"}


def test_a_webhook_gets_the_signed_message(web: WebReceiver) -> None:
    open_channel(WEBHOOK, web).send(message(link="https://ui.example.org/runs/1"))
    (request,) = web.requests
    assert request.json == {
        "version": 1,
        "id": "5f1f2b0a-0000-4000-8000-000000000001",
        "alert": "5f1f2b0a-0000-4000-8000-000000000002",
        "event": "begun",
        "rule": "run-failed",
        "subject": "clean/marks of 20250402",
        "severity": "critical",
        "headline": "Run failed: clean/marks of 20250402",
        "since": "2025-04-02T12:00:00+00:00",
        "at": "2025-04-02T14:05:00+00:00",
        "details": {"Why": "the site <is> down & out", "Run": "243eafeb"},
        "next": "`ouspark run` resumes",
        "link": "https://ui.example.org/runs/1",
    }
    expected = hmac.new(b"hmac-key-1", request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-OuSpark-Signature"] == f"sha256={expected}"
    assert request.headers["Idempotency-Key"] == request.json["id"]
    assert request.headers["Content-Type"] == "application/json"


def test_students_get_only_the_exam_and_the_number_of_students(web: WebReceiver) -> None:
    assert open_channel(PUSH, web).send(NEWS) is None
    (request,) = web.requests
    assert request.headers["Authorization"] == "Key rest-key-1"
    assert request.json == {
        "app_id": "app-id-1",
        "target_channel": "push",
        "included_segments": ["Total Subscriptions"],
        "headings": {"en": "Results are live"},
        "contents": {"en": "B.E. (CBCS) I Sem.: the results of 1,204 students are available."},
        "idempotency_key": NEWS.id,
    }


def test_students_get_only_news_and_no_test_messages(web: WebReceiver) -> None:
    for event in (Event.OPENED, Event.REMINDER, Event.RECOVERED):
        with pytest.raises(ChannelError, match="it sends only news"):
            open_channel(PUSH, web).send(message(event))
    with pytest.raises(InactiveChannelError, match="a test message would go to every student"):
        open_channel(PUSH, web).send_test(message(Event.TEST))
    assert web.requests == []
    testers = PushSettings(app=Variable("APP"), key=Variable("KEY"), url=web.url, test_segment="Us")
    open_channel(testers, web).send_test(message(Event.TEST))
    assert web.accepted[0]["included_segments"] == ["Us"]


def test_a_push_message_without_recipients_is_delivered_with_a_note(web: WebReceiver) -> None:
    web.body = b'{"id":"","errors":["All included players are not subscribed"]}'
    assert open_channel(PUSH, web).send(NEWS) == "the segment has no subscribers"


REFUSALS = [
    (400, False, None, "answered 400 (the message is not accepted)"),
    (401, True, None, "answered 401 (the key is refused)"),
    (404, True, None, "answered 404 (nothing exists at this address; was the webhook removed?)"),
    (429, True, 120.0, "answered 429 (too many messages)"),
    (302, False, None, "answered 302"),
    (500, True, None, "answered 500"),
]


@pytest.mark.parametrize(("status", "is_down", "retry_after", "reason"), REFUSALS)
def test_a_refusal_shows_the_status_but_not_the_address(
    web: WebReceiver, status: int, is_down: bool, retry_after: float | None, reason: str
) -> None:
    web.statuses, web.body = [status], b"/services/T0000/SECRET-PATH does not like hunter2"
    web.headers = {"Location": "http://127.0.0.1:9/SECRET-PATH"}
    if retry_after:
        web.headers["Retry-After"] = "120"
    with pytest.raises(ChannelError) as error:
        open_channel(SLACK, web).send(message())
    assert str(error.value) == f"name: {reason}"
    assert (error.value.is_down, error.value.retry_after) == (is_down, retry_after)
    assert len(web.requests) == 1


def test_a_response_that_never_ends_times_out(
    web: WebReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SEND_TIMEOUT", 0.6)
    web.drips = True
    with pytest.raises(ChannelError, match="no answer within") as error:
        open_channel(SLACK, web).send(message())
    assert error.value.is_down


def test_only_the_start_of_a_large_response_is_read(web: WebReceiver) -> None:
    web.body = b"x" * 5_000_000
    open_channel(SLACK, web).send(message())
    assert len(web.accepted) == 1


def test_an_unreachable_server_is_reported_without_its_address() -> None:
    with web_receiver() as gone:
        url = gone.url
    with pytest.raises(ChannelError, match=r"^name: cannot be reached$"):
        SLACK.open("name", {"URL": url}).send(message())
    with pytest.raises(ChannelError, match=r"^name: cannot be reached$"):
        SLACK.open("name", {"URL": "http://nobody.invalid/SECRET-PATH"}).send(message())


def test_logs_and_reprs_contain_no_secret(
    web: WebReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = "smtp://user:hunter2@mail.example.org"
    for settings in (SLACK, WEBHOOK, PUSH, MAIL):
        channel = settings.open("name", {**environment(web), "SMTP": server, "TO": "c@example.org"})
        if settings is not MAIL:
            channel.send(NEWS)
        shown = f"{channel!r} {channel} {vars(channel).get('server')!r} {settings!r}"
        assert not [secret for secret in SECRETS if secret in shown]
    assert len(web.accepted) == 3
    assert not [secret for secret in SECRETS if secret in caplog.text]


INACTIVE = [
    (SLACK, {}, "URL is not set"),
    (SLACK, {"URL": "  "}, "URL is not set"),
    (SLACK, {"URL": "hooks/hunter2"}, "URL is not an http:// or https:// address"),
    (SLACK, {"URL": "ftp://x/hunter2"}, "URL is not an http:// or https:// address"),
    (SLACK, {"URL": "http://[hunter2"}, "URL is not an http:// or https:// address"),
    (SLACK, {"URL": "http://x:hunter2/"}, "URL is not an http:// or https:// address"),
    (SLACK, {"URL": "http://x/a\nhunter2"}, "URL is not an http:// or https:// address"),
    (WEBHOOK, {"URL": "http://x/"}, "SECRET is not set"),
    (PUSH, {"URL": "http://x/", "APP": "a"}, "KEY is not set"),
    (MAIL, {"TO": "c@example.org"}, "SMTP is not set"),
    (MAIL, {"SMTP": "smtp://x"}, "TO is not set"),
    (
        MAIL,
        {"SMTP": "smtp://x", "TO": "hunter2"},
        "TO must be a mail address, or several separated by commas",
    ),
    (
        MAIL,
        {"SMTP": "http://x/hunter2", "TO": "c@example.org"},
        "SMTP is not an address like smtp://user:password@host:587 or smtps://…",
    ),
    (
        MAIL,
        {"SMTP": "smtp://user:hunter2@x?tls=never", "TO": "c@example.org"},
        "SMTP would send a password unencrypted; remove tls=never",
    ),
]


@pytest.mark.parametrize(("settings", "variables", "reason"), INACTIVE)
def test_an_inactive_channel_names_the_variable(
    settings: ChannelSettings, variables: Mapping[str, str], reason: str
) -> None:
    with pytest.raises(InactiveChannelError) as error:
        settings.open("name", variables)
    assert str(error.value) == reason
