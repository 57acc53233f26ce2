"""The production database at one numbered publication.

Which rows are sent and how is `warehouse/publishing.py`.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.orchestration.assets.stage import stage
from ouspark_assets.orchestration.checks.check_results import describe_failed_blocking_checks
from ouspark_assets.orchestration.keys import PUBLICATION, key_of
from ouspark_assets.orchestration.resources import Development, Production
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.settings import PublicationSettings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import PublishingHeldError, last_publication
from ouspark_assets.warehouse.publication.publish import Published, Terms, publish

MOST_CHECKS_NAMED = 5


class PublicationConfig(dg.Config):
    """What one run may ask for."""

    full: bool = Field(
        default=False, description="Compare every row; repairs what was changed by hand"
    )
    allow_shrink: bool = Field(default=False, description="Publish even if a table loses many rows")


@dg.asset(
    key=PUBLICATION,
    deps=[key_of(table) for table in PUBLISHED_TABLES],
    group_name="production",
    kinds={"postgres"},
)
def publication(
    context: dg.AssetExecutionContext,
    config: PublicationConfig,
    development: Development,
    production: Production,
) -> dg.MaterializeResult[None]:
    """The production database at one numbered publication.

    Everything that changed since the last one is sent in one transaction, so that a reader never
    sees half of it; when nothing changed, or publishing is held, there is no new publication.
    """
    terms = terms_of_settings(
        production.settings, full=config.full, allow_shrink=config.allow_shrink
    )
    with stage(context, development, "production.publication") as work:
        work.record.rows_changed = 0
        _refuse_failed_checks(context.instance)
        with production.connected("publish") as target:
            try:
                done = publish(work.connection, target, PUBLISHED_TABLES, work.run_id, terms)
            except PublishingHeldError as held:
                context.log.warning(str(held))
                return dg.MaterializeResult(metadata=_unchanged(target) | {"held": str(held)})
            if done is None:
                return dg.MaterializeResult(metadata=_unchanged(target))
        states = done.publication.states.values()
        work.record.rows_written = sum(state.rows for state in states)
        work.record.rows_changed = done.rows_changed
    return dg.MaterializeResult(metadata=_metadata(done))


def terms_of_settings(
    settings: PublicationSettings, *, full: bool = False, allow_shrink: bool = False
) -> Terms:
    """The terms that the settings give, with what one publication asks for."""
    return Terms(
        father_names=settings.publish_father_names,
        full=full,
        allow_shrink=allow_shrink,
        most_shrink=settings.publish_most_shrink,
        keep=settings.publish_keep,
        statement_seconds=settings.publish_timeout,
        wait_seconds=settings.publish_wait,
    )


def _refuse_failed_checks(instance: dg.DagsterInstance) -> None:
    failed = describe_failed_blocking_checks(instance)
    if failed:
        named = ", ".join(failed[:MOST_CHECKS_NAMED])
        more = f" and {len(failed) - MOST_CHECKS_NAMED} more" if failed[MOST_CHECKS_NAMED:] else ""
        message = (
            f"Not published: the latest result of {named}{more} is a failure. Mend the data "
            "upstream and run again; the check must pass first."
        )
        raise WarehouseError(message)


def _unchanged(target: Connection) -> dict[str, Any]:
    last = last_publication(target)
    return {"publication": last.number if last else 0, "rows changed": 0}


def _metadata(done: Published) -> dict[str, Any]:
    states = done.publication.states
    tables = [
        dg.TableRecord({"table": name, "rows": states[name].rows, "changed": change.rows})
        for name, change in done.sent.items()
    ]
    return {
        "publication": done.publication.number,
        "kind": done.publication.kind,
        "rows changed": done.rows_changed,
        "seconds": round(done.publication.seconds, 3),
        "checksum": done.publication.checksum,
        "tables": dg.MetadataValue.table(tables),
    }
