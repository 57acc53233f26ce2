"""The terms of a publication come from the settings."""

import pytest

from ouspark_assets.pipeline.publish import terms_from_settings
from ouspark_assets.settings import PublicationSettings
from ouspark_assets.warehouse.publication.publish_transaction import DEFAULT_TERMS, Terms


def test_every_setting_of_a_publication_is_one_of_its_terms() -> None:
    settings = PublicationSettings(
        allow_standin=True,
        publish_father_names=True,
        publish_keep=2,
        publish_most_shrink=0.5,
        publish_timeout=11,
        publish_wait=12,
    )
    assert terms_from_settings(settings, full=True, allow_shrink=True, is_configured=True) == Terms(
        father_names=True,
        allow_fictitious=True,
        full=True,
        allow_shrink=True,
        most_shrink=0.5,
        keep=2,
        statement_seconds=11,
        wait_seconds=12,
    )


def test_without_settings_the_terms_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUSPARK_ALLOW_STANDIN")
    assert terms_from_settings(PublicationSettings(), is_configured=True) == DEFAULT_TERMS
