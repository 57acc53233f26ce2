import pytest

from ouspark_assets.domain.masking import mask_secrets


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hidden-word@db.example.org:5432/postgres?sslmode=require is away.",
        "rediss://:hidden-word@cache.example.org:6379/0",
        "(amqp://me:hidden-word@broker/x), again",
        "postgresql://db/x?user=me&password=hidden-word",
        "connection failed: host=db user=me password=hidden-word dbname=x",
        "password = 'hidden-word with blanks'",
        '{"api_key": "hidden-word"}',
        "Authorization: Bearer hidden-word",
        "SLACK_TOKEN=hidden-word",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    masked = mask_secrets(text)
    assert "hidden-word" not in masked
    assert "***" in masked


def test_the_serial_of_a_hall_ticket_is_masked() -> None:
    assert mask_secrets("160421733001: no such grade") == "160421733xxx: no such grade"


@pytest.mark.parametrize(
    "text",
    [
        "release 20250402 has 1234567890123 bytes",
        "run 550e8400-e29b-41d4-a716-446655440000",
        "sha 0a160421733001ff",
        "see http://127.0.0.1:3000/metrics.",
        "the password of the reader can't be changed here",
    ],
)
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert mask_secrets(text) == text
