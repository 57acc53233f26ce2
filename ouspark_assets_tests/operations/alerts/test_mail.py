"""The mail channel, against a real mail server: encryption, login, refusals, timeouts."""

import ssl
from pathlib import Path

import pytest

from ouspark_assets.operations.alerts import email_channel
from ouspark_assets.operations.alerts.channels import Channel, ChannelError
from ouspark_assets_tests.operations.alerts.examples import MAIL, message
from ouspark_assets_tests.operations.alerts.receivers import (
    MailReceiver,
    mail_receiver,
)
from ouspark_assets_tests.warehouse.core.proxies import write_certificates


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for the loopback whose authority this process trusts."""
    authority, certificate, key = write_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def open_mail_channel(receiver: MailReceiver, address: str) -> Channel:
    server = address.format(port=receiver.port)
    return MAIL.open("mail", {"SMTP": server, "TO": "c@example.org"})


def test_a_mail_is_sent_encrypted_after_login(tls: ssl.SSLContext) -> None:
    with mail_receiver(tls) as receiver:
        receiver.users = {"ouspark@example.org": "hunter2"}
        open_mail_channel(receiver, "smtp://ouspark%40example.org:hunter2@127.0.0.1:{port}").send(
            message()
        )
    (mail,) = receiver.mails
    assert receiver.encrypted == [True]
    assert receiver.logged_in == ["ouspark@example.org"]
    assert receiver.recipients == [["a@example.org", "b@example.org", "c@example.org"]]
    assert mail["Subject"] == "OuSpark: [critical] Run failed: clean/marks of 20250402"
    assert (mail["From"], mail["Importance"]) == ("OuSpark <alerts@example.org>", "high")
    assert mail["Message-ID"] == f"<{message().id}@ouspark.invalid>"
    assert mail["References"] == f"<{message().alert}@ouspark.invalid>"
    assert mail.get_content().replace("\r\n", "\n") == (
        "[critical] Run failed: clean/marks of 20250402\n"
        "\n"
        "Why: the site <is> down & out\n"
        "Run: 243eafeb\n"
        "Since: 2025-04-02 12:00 UTC\n"
        "Next: `ouspark run` resumes\n"
    )


def test_smtps_uses_tls_from_the_start(tls: ssl.SSLContext) -> None:
    with mail_receiver(tls, uses_tls=True) as receiver:
        open_mail_channel(receiver, "smtps://127.0.0.1:{port}").send(message())
    assert receiver.encrypted == [True]


def test_a_mail_is_sent_unencrypted_only_with_tls_never() -> None:
    with mail_receiver() as receiver:
        with pytest.raises(ChannelError, match="mail: the mail server does not support encryption"):
            open_mail_channel(receiver, "smtp://127.0.0.1:{port}").send(message())
        open_mail_channel(receiver, "smtp://127.0.0.1:{port}?tls=never").send(message())
    assert receiver.encrypted == [False]


def test_a_server_with_an_untrusted_certificate_gets_no_password(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_receiver(tls) as receiver:
        receiver.users = {"user": "hunter2"}
        with pytest.raises(
            ChannelError, match="mail: the mail server's TLS certificate is not trusted"
        ):
            open_mail_channel(receiver, "smtp://user:hunter2@127.0.0.1:{port}").send(message())
    assert receiver.logged_in == []


def test_a_wrong_password_is_reported_without_it(tls: ssl.SSLContext) -> None:
    with mail_receiver(tls) as receiver:
        receiver.users = {"user": "another"}
        with pytest.raises(ChannelError) as error:
            open_mail_channel(receiver, "smtp://user:hunter2@127.0.0.1:{port}").send(message())
    assert str(error.value) == "mail: the mail server refuses the user or the password (535)"
    assert error.value.__cause__ is None


def test_some_refused_recipients_are_a_note_and_all_are_an_error() -> None:
    with mail_receiver() as receiver:
        receiver.refused = {"a@example.org"}
        channel = open_mail_channel(receiver, "smtp://127.0.0.1:{port}?tls=never")
        assert channel.send(message()) == "1 of 3 recipients refused"
        receiver.refused |= {"b@example.org", "c@example.org"}
        with pytest.raises(
            ChannelError, match=r"^mail: the mail server refuses all recipients \(550\)$"
        ):
            channel.send(message())


@pytest.mark.parametrize(("code", "is_down"), [(452, True), (554, False)])
def test_a_permanent_refusal_of_one_mail_does_not_stop_the_channel(
    code: int, is_down: bool
) -> None:
    with mail_receiver() as receiver:
        receiver.data_code = code
        with pytest.raises(ChannelError, match=f"answered {code}") as error:
            open_mail_channel(receiver, "smtp://127.0.0.1:{port}?tls=never").send(message())
    assert error.value.is_down is is_down


def test_a_greeting_that_never_ends_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_channel, "SEND_TIMEOUT", 0.6)
    with mail_receiver() as receiver:
        receiver.drips = True
        with pytest.raises(ChannelError, match="no answer within"):
            open_mail_channel(receiver, "smtp://127.0.0.1:{port}?tls=never").send(message())


def test_an_unreachable_mail_server_is_one_line() -> None:
    with mail_receiver() as receiver:
        channel = open_mail_channel(receiver, "smtp://127.0.0.1:{port}?tls=never")
    with pytest.raises(ChannelError, match=r"^mail: the mail server cannot be reached$"):
        channel.send(message())


def test_a_headline_cannot_inject_a_mail_header() -> None:
    forged = message(headline="boom\r\nBcc: victim@example.org")
    with mail_receiver() as receiver:
        open_mail_channel(receiver, "smtp://127.0.0.1:{port}?tls=never").send(forged)
    (mail,) = receiver.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "OuSpark: [critical] boom Bcc: victim@example.org"
