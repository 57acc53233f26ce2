"""The terms of a publication come from the settings."""

from ouspark_assets.pipeline.publish import terms_from_settings
from ouspark_assets.settings import PublicationSettings
from ouspark_assets.warehouse.publication.publish_transaction import DEFAULT_TERMS, Terms


def test_every_setting_of_a_publication_is_one_of_its_terms() -> None:
    settings = PublicationSettings(
        publish_father_names=True,
        publish_keep=2,
        publish_most_shrink=0.5,
        publish_timeout=11,
        publish_wait=12,
    )
    assert terms_from_settings(settings, full=True, allow_shrink=True) == Terms(
        father_names=True,
        full=True,
        allow_shrink=True,
        most_shrink=0.5,
        keep=2,
        statement_seconds=11,
        wait_seconds=12,
    )


def test_without_settings_the_terms_are_the_defaults() -> None:
    assert terms_from_settings(PublicationSettings()) == DEFAULT_TERMS
