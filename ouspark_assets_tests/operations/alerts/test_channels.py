"""Channels, against a real web server: what arrives, and what is said when it does not."""

import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping

import pytest

from ouspark_assets.operations.alerts.channels import Channel, ChannelSpec, UnusableError, channel
from ouspark_assets.operations.alerts.channels.channel import ChannelError
from ouspark_assets.operations.alerts.channels.push import PushSpec
from ouspark_assets.operations.alerts.channels.slack import SlackSpec
from ouspark_assets.operations.alerts.channels.webhook import WebhookSpec
from ouspark_assets.operations.alerts.findings import Severity
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.options import Variable
from ouspark_assets_tests.operations.alerts.receivers import (
    WebReceiver,
    web_receiver,
)
from ouspark_assets_tests.operations.alerts.saying import MAIL, message

SECRETS = ("SECRET-PATH", "hunter2", "app-id-1", "rest-key-1", "hmac-key-1")

CHAT = SlackSpec(url=Variable("URL"))

PROGRAM = WebhookSpec(url=Variable("URL"), secret=Variable("SECRET"))

STUDENTS = PushSpec(app=Variable("APP"), key=Variable("KEY"), url=Variable("URL"))

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


def opened(spec: ChannelSpec, web: WebReceiver) -> Channel:
    return spec.opened("name", environment(web))


def test_slack_gets_one_line_and_the_rest_beside_a_colour(web: WebReceiver) -> None:
    opened(CHAT, web).send(message())
    (posted,) = web.asked
    assert posted.path == "/services/T0000/SECRET-PATH"
    assert posted.json == {
        "text": "[critical] Run failed: clean/marks of 20250402",
        "attachments": [
            {
                "color": "#c0392b",
                "fallback": "[critical] Run failed: clean/marks of 20250402",
                "text": "Why: the site &lt;is&gt; down &amp; out\n"
                "Run: 243eafeb\n"
                "Since: 2025-04-02 12:00 UTC\n"
                "Next: `ouspark run` goes on",
                "mrkdwn_in": ["text"],
                "ts": 1743602700,
            }
        ],
    }


def test_what_is_over_and_what_is_good_is_green(web: WebReceiver) -> None:
    for it in (message(Event.OVER), NEWS):
        opened(CHAT, web).send(it)
    assert {it["attachments"][0]["color"] for it in web.taken} == {"#2e8b57"}


def test_a_program_gets_the_message_signed(web: WebReceiver) -> None:
    opened(PROGRAM, web).send(message(link="https://ui.example.org/runs/1"))
    (posted,) = web.asked
    assert posted.json == {
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
        "next": "`ouspark run` goes on",
        "link": "https://ui.example.org/runs/1",
    }
    expected = hmac.new(b"hmac-key-1", posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-OuSpark-Signature"] == f"sha256={expected}"
    assert posted.headers["Idempotency-Key"] == posted.json["id"]
    assert posted.headers["Content-Type"] == "application/json"


def test_students_get_the_exam_and_a_count_and_nothing_else(web: WebReceiver) -> None:
    assert opened(STUDENTS, web).send(NEWS) is None
    (posted,) = web.asked
    assert posted.headers["Authorization"] == "Key rest-key-1"
    assert posted.json == {
        "app_id": "app-id-1",
        "target_channel": "push",
        "included_segments": ["Total Subscriptions"],
        "headings": {"en": "Results are live"},
        "contents": {"en": "B.E. (CBCS) I Sem.: 1,204 students' results can be looked up."},
        "idempotency_key": NEWS.id,
    }


def test_students_get_nothing_but_news_and_no_tests(web: WebReceiver) -> None:
    for event in (Event.BEGUN, Event.REMINDER, Event.OVER):
        with pytest.raises(ChannelError, match="only good news goes to students"):
            opened(STUDENTS, web).send(message(event))
    with pytest.raises(UnusableError, match="a test would go to every student"):
        opened(STUDENTS, web).send_test(message(Event.TEST))
    assert web.asked == []
    testers = PushSpec(app=Variable("APP"), key=Variable("KEY"), url=web.url, test_segment="Us")
    opened(testers, web).send_test(message(Event.TEST))
    assert web.taken[0]["included_segments"] == ["Us"]


def test_a_push_message_that_reaches_nobody_is_delivered_and_says_so(web: WebReceiver) -> None:
    web.body = b'{"id":"","errors":["All included players are not subscribed"]}'
    assert opened(STUDENTS, web).send(NEWS) == "nobody is subscribed"


REFUSALS = [
    (400, False, None, "answered 400 (it does not take such a message)"),
    (401, True, None, "answered 401 (it refuses the key)"),
    (404, True, None, "answered 404 (nothing is at this address; was it removed?)"),
    (429, True, 120.0, "answered 429 (too many messages)"),
    (302, False, None, "answered 302"),
    (500, True, None, "answered 500"),
]


@pytest.mark.parametrize(("status", "is_down", "retry_after", "why"), REFUSALS)
def test_a_refusal_says_what_and_never_where(
    web: WebReceiver, status: int, is_down: bool, retry_after: float | None, why: str
) -> None:
    web.answers, web.body = [status], b"/services/T0000/SECRET-PATH does not like hunter2"
    web.headers = {"Location": "http://127.0.0.1:9/SECRET-PATH"}
    if retry_after:
        web.headers["Retry-After"] = "120"
    with pytest.raises(ChannelError) as error:
        opened(CHAT, web).send(message())
    assert str(error.value) == f"name: {why}"
    assert (error.value.is_down, error.value.retry_after) == (is_down, retry_after)
    assert len(web.asked) == 1


def test_a_server_that_drips_is_given_up_in_time(
    web: WebReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouspark_assets.operations.alerts.channels.http.SEND_SECONDS", 0.6)
    web.drips = True
    with pytest.raises(ChannelError, match="no answer within") as error:
        opened(CHAT, web).send(message())
    assert error.value.is_down


def test_an_answer_without_end_is_read_no_further(web: WebReceiver) -> None:
    web.body = b"x" * 5_000_000
    opened(CHAT, web).send(message())
    assert len(web.taken) == 1


def test_nobody_at_home_is_said_without_the_address() -> None:
    with web_receiver() as gone:
        url = gone.url
    with pytest.raises(ChannelError, match=r"^name: it can't be reached$"):
        CHAT.opened("name", {"URL": url}).send(message())
    with pytest.raises(ChannelError, match=r"^name: it can't be reached$"):
        CHAT.opened("name", {"URL": "http://nobody.invalid/SECRET-PATH"}).send(message())


def test_no_secret_is_in_a_log_or_a_repr(
    web: WebReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = "smtp://user:hunter2@mail.example.org"
    for spec in (CHAT, PROGRAM, STUDENTS, MAIL):
        it = spec.opened("name", {**environment(web), "SMTP": server, "TO": "c@example.org"})
        if spec is not MAIL:
            it.send(NEWS)
        shown = f"{it!r} {it} {vars(it).get('server')!r} {spec!r}"
        assert not [secret for secret in SECRETS if secret in shown]
    assert len(web.taken) == 3
    assert not [secret for secret in SECRETS if secret in caplog.text]


UNUSABLE = [
    (CHAT, {}, "URL is not set"),
    (CHAT, {"URL": "  "}, "URL is not set"),
    (CHAT, {"URL": "hooks/hunter2"}, "URL is not an http:// or https:// address"),
    (CHAT, {"URL": "ftp://x/hunter2"}, "URL is not an http:// or https:// address"),
    (CHAT, {"URL": "http://[hunter2"}, "URL is not an http:// or https:// address"),
    (CHAT, {"URL": "http://x:hunter2/"}, "URL is not an http:// or https:// address"),
    (CHAT, {"URL": "http://x/a\nhunter2"}, "URL is not an http:// or https:// address"),
    (PROGRAM, {"URL": "http://x/"}, "SECRET is not set"),
    (STUDENTS, {"URL": "http://x/", "APP": "a"}, "KEY is not set"),
    (MAIL, {"TO": "c@example.org"}, "SMTP is not set"),
    (MAIL, {"SMTP": "smtp://x"}, "TO is not set"),
    (
        MAIL,
        {"SMTP": "smtp://x", "TO": "hunter2"},
        "TO is not a mail address, or several separated by commas",
    ),
    (
        MAIL,
        {"SMTP": "http://x/hunter2", "TO": "c@example.org"},
        "SMTP is not an address as smtp://user:password@host:587, or smtps://",
    ),
    (
        MAIL,
        {"SMTP": "smtp://user:hunter2@x?tls=never", "TO": "c@example.org"},
        "SMTP would send a password unencrypted; leave out tls=never",
    ),
]


@pytest.mark.parametrize(("spec", "variables", "why"), UNUSABLE)
def test_a_channel_that_can_not_be_used_names_its_variable(
    spec: ChannelSpec, variables: Mapping[str, str], why: str
) -> None:
    with pytest.raises(UnusableError) as error:
        spec.opened("name", variables)
    assert str(error.value) == why


def test_a_message_is_the_same_after_it_was_kept() -> None:
    for it in (message(), message(link="https://x/"), NEWS):
        assert Message.from_json(it.as_json()) == it


def test_sending_takes_less_than_a_claim_lasts() -> None:
    from ouspark_assets.operations.alerts.deliveries import LEASE_SECONDS

    assert channel.SEND_SECONDS * 2 < LEASE_SECONDS
