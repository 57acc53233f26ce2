"""The HTTP client: answers, failures and TLS."""

import asyncio
import logging
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ouspark_assets.domain.errors import SettingsError, SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.outcomes import Cause
from ouspark_assets.sources.results_site.site_client import Answer, SiteClient, request_rate
from ouspark_assets.sources.results_site.site_index import fetch_index
from ouspark_assets_tests.sources.results_site.small_site import (
    Sent,
    SmallSite,
    answers_for,
    found_page,
    small_site,
)

TICKET = "160421733001"
PATIENT = {"site_read_timeout": 5.0, "site_connect_timeout": 5.0}


def fetch_answers(
    site: SmallSite, ticket: str = TICKET, times: int = 1, **settings: object
) -> list[Answer]:
    async def fetch_all() -> list[Answer]:
        options = SiteSettings(**{**PATIENT, **settings})
        async with SiteClient(options, site.page()) as client:
            return [await client.fetch(ticket) for _ in range(times)]

    return asyncio.run(fetch_all())


def test_the_body_is_returned_unchanged() -> None:
    with small_site(answers_for({TICKET})) as site:
        (answer,) = fetch_answers(site)
    assert (answer.status, answer.body, answer.cause) == (200, found_page(TICKET), None)


def test_requests_have_a_user_agent_and_no_cookies() -> None:
    with small_site(answers_for({TICKET})) as site:
        fetch_answers(site, times=3)
    head = site.heads[0]
    assert head.startswith("POST /res07/20250402.jsp HTTP/1.1")
    assert "OuSpark/" in head
    assert "cookie" not in head.lower()
    assert site.tickets == [TICKET] * 3


def test_cookies_of_the_site_are_not_sent_back() -> None:
    sent = Sent(found_page(TICKET), headers={"Set-Cookie": "JSESSIONID=abc; Path=/"})
    with small_site(lambda _: sent) as site:
        fetch_answers(site, times=2)
    assert "JSESSIONID" not in site.heads[1]


@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (Sent(reset=True), Cause.CONNECTION),
        (Sent(found_page(TICKET), cut_to=300), Cause.TRUNCATED),
        (Sent(found_page(TICKET), seconds=3), Cause.TIMEOUT),
        (Sent(endless=True), Cause.TOO_LARGE),
        (Sent(b"", 302, {"Location": "http://results.invalid/"}), Cause.REDIRECT),
    ],
)
def test_failures_are_answers_with_a_cause(sent: Sent, cause: Cause) -> None:
    with small_site(lambda _: sent) as site:
        (answer,) = fetch_answers(site, site_read_timeout=0.3)
    assert answer.cause == cause
    assert len(site.requests) == 1


def test_a_slow_drip_is_given_up_at_the_page_timeout() -> None:
    drip = Sent(found_page(TICKET), seconds_a_byte=0.05)
    with small_site(lambda _: drip) as site:
        (answer,) = fetch_answers(site, site_page_timeout=0.4)
    assert answer.cause == Cause.TOO_SLOW
    assert answer.elapsed_ms < 2500


def test_a_refused_connection_is_an_answer_with_a_cause() -> None:
    with small_site(answers_for(set())) as site:
        pass
    assert fetch_answers(site)[0].cause == Cause.CONNECTION


def test_the_retry_after_header_is_returned() -> None:
    with small_site(lambda _: Sent(b"", 429, {"Retry-After": "3"})) as site:
        (answer,) = fetch_answers(site)
    assert (answer.status, answer.retry_after) == (429, 3.0)


def test_the_default_rate_limit_applies_everywhere_but_on_this_machine() -> None:
    assert request_rate(SiteSettings(), "https://www.osmania.ac.in/x") == 40
    assert request_rate(SiteSettings(), "http://127.0.0.1:80/x") is None
    assert request_rate(SiteSettings(site_rate=5), "http://127.0.0.1:80/x") == 5


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a made-up site")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "site.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return folder / "site.pem"


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


def test_an_untrusted_certificate_ends_the_run(tls: ssl.SSLContext) -> None:
    with small_site(answers_for({TICKET}), tls=tls) as site:
        with pytest.raises(SiteError, match="OUSPARK_SITE_TLS_CERTIFICATE"):
            fetch_answers(site)
        with pytest.raises(SiteError, match="OUSPARK_SITE_TLS_VERIFY"):
            asyncio.run(fetch_index(SiteSettings(), site.url))
    assert site.requests == []


def test_a_certificate_file_is_trusted(
    tls: ssl.SSLContext, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_site(answers_for({TICKET}), tls=tls) as site, caplog.at_level(logging.WARNING):
        (answer,) = fetch_answers(site, site_tls_certificate=certificate)
    assert answer.status == 200
    assert "also trusted" in caplog.text


def test_disabling_verification_logs_a_warning(
    tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    with small_site(answers_for({TICKET}), tls=tls) as site, caplog.at_level(logging.WARNING):
        (answer,) = fetch_answers(site, site_tls_verify=False)
    assert answer.status == 200
    assert "NOT VERIFIED" in caplog.text


def test_a_file_that_is_not_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    settings = SiteSettings(site_tls_certificate=tmp_path / "x.pem")
    with pytest.raises(SettingsError, match="Name a PEM file"):
        SiteClient(settings, "https://127.0.0.1:1/res07/1.jsp")
