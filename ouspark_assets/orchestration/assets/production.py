"""The production database at one numbered publication.

Terms and refusals are in `pipeline/publish.py`; which rows are sent and how is in
`warehouse/publication/`.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from ouspark_assets.orchestration.assets.recorded_stage import recorded_stage
from ouspark_assets.orchestration.checks.check_results import describe_failed_blocking_checks
from ouspark_assets.orchestration.keys import PUBLICATION, key_of
from ouspark_assets.orchestration.resources import Development, Production
from ouspark_assets.pipeline.publish import (
    PublishResult,
    publish_changes,
    refuse_failed_checks,
    terms_from_settings,
)
from ouspark_assets.schemas import PUBLISHED_TABLES


class PublicationConfig(dg.Config):
    """What one run may ask for."""

    full: bool = Field(
        default=False, description="Compare every row; repairs rows that were changed by hand"
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

    Everything that changed since the last publication is sent in one transaction, so that readers
    never see half of it. If nothing changed, or publishing is held, there is no new publication.
    """
    terms = terms_from_settings(
        production.settings,
        is_configured=production.is_configured,
        full=config.full,
        allow_shrink=config.allow_shrink,
    )
    with recorded_stage(context, development, "production.publication") as stage:
        stage.record.rows_changed = 0
        refuse_failed_checks(describe_failed_blocking_checks(context.instance))
        with production.connected("publish") as target:
            result = publish_changes(stage.connection, target, stage.run_id, terms)
        if result.held is not None:
            context.log.warning(result.held)
        if result.published is not None:
            stage.record.rows_written = result.published.publication.rows
            stage.record.rows_changed = result.published.rows_changed
    metadata = _metadata(result)
    return dg.MaterializeResult(
        metadata=metadata, data_version=dg.DataVersion(str(metadata["publication"]))
    )


def _metadata(result: PublishResult) -> dict[str, Any]:
    if result.published is None:
        unchanged = {"publication": result.publication, "rows changed": 0}
        return unchanged if result.held is None else unchanged | {"held": result.held}
    publication, sent = result.published.publication, result.published.sent
    tables = [
        dg.TableRecord(
            {"table": name, "rows": publication.states[name].rows, "changed": change.rows}
        )
        for name, change in sent.items()
    ]
    return {
        "publication": publication.number,
        "kind": publication.kind,
        "rows changed": result.published.rows_changed,
        "seconds": round(publication.seconds, 3),
        "checksum": publication.checksum,
        "tables": dg.MetadataValue.table(tables),
    }
