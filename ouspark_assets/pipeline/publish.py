"""Publish: build the terms, refuse after failed checks, and bring production up to date.

Which rows are sent to production and how is in `warehouse/publication/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.settings import PublicationSettings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import PublishingHeldError, last_publication
from ouspark_assets.warehouse.publication.publish_transaction import Published, Terms, publish

MAX_CHECKS_NAMED = 5


@dataclass(frozen=True)
class PublishResult:
    """The number of the newest publication (0 if there is none), and what was published.

    `published` is None if production was up to date or publishing is held; `held` is the reason.
    """

    publication: int
    published: Published | None = None
    held: str | None = None


def terms_from_settings(
    settings: PublicationSettings,
    *,
    is_configured: bool,
    full: bool = False,
    allow_shrink: bool = False,
) -> Terms:
    """Return the terms of a publication.

    `is_configured`: the production database is one that the operator configured. It gets no
    invented students by accident; the embedded one may have them.
    """
    return Terms(
        allow_fictitious=settings.allow_standin or not is_configured,
        father_names=settings.publish_father_names,
        full=full,
        allow_shrink=allow_shrink,
        most_shrink=settings.publish_most_shrink,
        keep=settings.publish_keep,
        statement_seconds=settings.publish_timeout,
        wait_seconds=settings.publish_wait,
    )


def refuse_failed_checks(failed_checks: Sequence[str]) -> None:
    """Raise an error that names these checks, if there are any."""
    if not failed_checks:
        return
    names = ", ".join(failed_checks[:MAX_CHECKS_NAMED])
    others = len(failed_checks) - MAX_CHECKS_NAMED
    more = f" and {others} more" if others > 0 else ""
    message = (
        f"Not published: the latest result of {names}{more} is a failure. Correct the data "
        "upstream and run again; the check must pass first."
    )
    raise WarehouseError(message)


def publish_changes(
    development: Connection, production: Connection, run_id: str, terms: Terms
) -> PublishResult:
    """Bring production to the state of development, unless publishing is held."""
    published, held = None, None
    try:
        published = publish(development, production, PUBLISHED_TABLES, run_id, terms)
    except PublishingHeldError as error:
        held = str(error)
    if published is not None:
        return PublishResult(published.publication.number, published)
    last = last_publication(production)
    return PublishResult(last.number if last else 0, held=held)
