"""Mail, against a real mail server: what arrives, and what is said when it does not."""

import ssl
from pathlib import Path

import pytest

from ouspark_assets.operations.alerts.channels import Channel, email
from ouspark_assets.operations.alerts.channels.channel import ChannelError
from ouspark_assets_tests.operations.alerts.receivers import (
    MailReceiver,
    mail_receiver,
)
from ouspark_assets_tests.operations.alerts.saying import MAIL, message
from ouspark_assets_tests.warehouse.core.doors import _certificates


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for the loopback, of an authority that is trusted here."""
    authority, certificate, key = _certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def mailbox(receiver: MailReceiver, address: str) -> Channel:
    server = address.format(port=receiver.port)
    return MAIL.opened("mail", {"SMTP": server, "TO": "c@example.org"})


def test_a_mail_arrives_encrypted_from_who_is_logged_in(tls: ssl.SSLContext) -> None:
    with mail_receiver(tls) as receiver:
        receiver.users = {"ouspark@example.org": "hunter2"}
        mailbox(receiver, "smtp://ouspark%40example.org:hunter2@127.0.0.1:{port}").send(message())
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
        "Next: `ouspark run` goes on\n"
    )


def test_a_mail_goes_by_tls_from_the_start(tls: ssl.SSLContext) -> None:
    with mail_receiver(tls, from_the_start=True) as receiver:
        mailbox(receiver, "smtps://127.0.0.1:{port}").send(message())
    assert receiver.encrypted == [True]


def test_a_mail_goes_unencrypted_only_when_that_is_said() -> None:
    with mail_receiver() as receiver:
        with pytest.raises(ChannelError, match="mail: the mail server offers no encryption"):
            mailbox(receiver, "smtp://127.0.0.1:{port}").send(message())
        mailbox(receiver, "smtp://127.0.0.1:{port}?tls=never").send(message())
    assert receiver.encrypted == [False]


def test_a_mail_server_that_can_not_prove_who_it_is_gets_no_password(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_receiver(tls) as receiver:
        receiver.users = {"user": "hunter2"}
        with pytest.raises(
            ChannelError, match="mail: the mail server's TLS certificate is refused"
        ):
            mailbox(receiver, "smtp://user:hunter2@127.0.0.1:{port}").send(message())
    assert receiver.logged_in == []


def test_a_wrong_password_is_said_without_it(tls: ssl.SSLContext) -> None:
    with mail_receiver(tls) as receiver:
        receiver.users = {"user": "another"}
        with pytest.raises(ChannelError) as error:
            mailbox(receiver, "smtp://user:hunter2@127.0.0.1:{port}").send(message())
    assert str(error.value) == "mail: it refuses the user or the password (535)"
    assert error.value.__cause__ is None


def test_some_recipients_that_are_refused_are_said_and_all_are_an_error() -> None:
    with mail_receiver() as receiver:
        receiver.refused = {"a@example.org"}
        it = mailbox(receiver, "smtp://127.0.0.1:{port}?tls=never")
        assert it.send(message()) == "1 of 3 recipients refused"
        receiver.refused |= {"b@example.org", "c@example.org"}
        with pytest.raises(ChannelError, match=r"^mail: it refuses all recipients \(550\)$"):
            it.send(message())


@pytest.mark.parametrize(("code", "is_down"), [(452, True), (554, False)])
def test_a_mail_that_is_refused_for_good_is_no_matter_of_the_next(code: int, is_down: bool) -> None:
    with mail_receiver() as receiver:
        receiver.data_code = code
        with pytest.raises(ChannelError, match=f"answered {code}") as error:
            mailbox(receiver, "smtp://127.0.0.1:{port}?tls=never").send(message())
    assert error.value.is_down is is_down


def test_a_mail_server_that_drips_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "SEND_SECONDS", 0.6)
    with mail_receiver() as receiver:
        receiver.drips = True
        with pytest.raises(ChannelError, match="no answer within"):
            mailbox(receiver, "smtp://127.0.0.1:{port}?tls=never").send(message())


def test_no_mail_server_is_one_line() -> None:
    with mail_receiver() as receiver:
        it = mailbox(receiver, "smtp://127.0.0.1:{port}?tls=never")
    with pytest.raises(ChannelError, match=r"^mail: the mail server can't be reached$"):
        it.send(message())


def test_a_headline_can_not_forge_a_header_of_a_mail() -> None:
    forged = message(headline="boom\r\nBcc: victim@example.org")
    with mail_receiver() as receiver:
        mailbox(receiver, "smtp://127.0.0.1:{port}?tls=never").send(forged)
    (mail,) = receiver.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "OuSpark: [critical] boom Bcc: victim@example.org"
